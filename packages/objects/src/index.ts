/** Places that keep snapshots; see docs/architecture.md. */
export { folderObjects } from "./folder-objects.ts";
export {
  assertObjectName,
  type Content,
  contentOf,
  type ObjectInfo,
  type Objects,
  readAll,
} from "./objects.ts";
export { openObjects } from "./open-objects.ts";
export type { S3Environment } from "./s3-place.ts";
