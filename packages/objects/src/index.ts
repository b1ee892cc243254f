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
