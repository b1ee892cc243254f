/** `openapi.json`: the whole API, described. Data only; a test holds it against the route table. */

import type { JsonObject } from "./build.ts";
import { eventPaths } from "./paths-events.ts";
import { instancePaths } from "./paths-instance.ts";
import { headers, parameters, schemas } from "./schemas.ts";

const description = `An events database. Errors are always \`{"error":{"code","message"}}\`; programs compare the code.
Every answer carries \`Epsilon-Instance\`. Bodies may be gzip or zstd encoded, both ways. Readers ignore members that
they do not know. A body has 64 MiB at most (after decoding), a batch 100,000 events, an event 1 MiB and 500 fields,
a field name 256 bytes, a text 64 KiB.`;

/** The OpenAPI 3.1 document for a release. */
export function openApi(version: string): JsonObject {
  return {
    openapi: "3.1.0",
    info: {
      title: "Epsilon",
      version,
      description,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "instance", description: "Who answers, and how it is" },
      { name: "collections", description: "What there is" },
      { name: "writing", description: "Events in" },
      { name: "reading", description: "Events and answers out" },
      { name: "sources", description: "How far each source has come" },
      { name: "comparing", description: "What replicating clients compare and copy by" },
      { name: "snapshots", description: "Copies to restore from" },
    ],
    paths: { ...instancePaths, ...eventPaths },
    components: {
      schemas,
      parameters,
      headers,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "From the tokens file. Without one, everybody who reaches the instance may do everything.",
        },
      },
    },
  };
}
