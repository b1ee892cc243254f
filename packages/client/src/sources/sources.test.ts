/** Every source of the client, held to one suite. */

import "fake-indexeddb/auto";
import type { SimEnv } from "@epsilon/env/testing";
import { sha256, utf8Bytes } from "@epsilon/model";
import { openIndexedStore } from "../browser/indexed-store.ts";
import { createMemoryStore } from "../browser/memory-store.ts";
import { openStoredPart } from "../browser/stored-part.ts";
import { openPart } from "../spool/part.ts";
import type { Part } from "../spool/spool.ts";
import { FileSource, type FileSourceOptions } from "./file-source.ts";
import { testSource } from "./source.conformance.ts";
import type { Source } from "./source.ts";

const time = "2026-01-31T12:00:00Z";

function file(sim: SimEnv, path: string, text: string, options: Partial<FileSourceOptions> = {}): Source {
  sim.disk.put(path, utf8Bytes(text));
  return new FileSource(sim.boot(), {
    path,
    name: `web-1${path}`,
    collection: "events",
    stretchBytes: 60,
    ...options,
  });
}

testSource({
  name: "NDJSON file",
  make: async (sim, numbers) =>
    file(sim, "/a.ndjson", numbers.map((n) => `{"_ts":"${time}","n":${n}}\n`).join("")),
});

testSource({
  name: "NDJSON file without a last newline, with blank lines and --key",
  make: async (sim, numbers) =>
    file(
      sim,
      "/a.ndjson",
      numbers.map((n, index) => `{"_ts":"${time}","n":${n},"i":${index}}`).join("\r\n\n"),
      { key: ["i"] },
    ),
});

testSource({
  name: "JSON file",
  make: async (sim, numbers) =>
    file(
      sim,
      "/a.json",
      JSON.stringify(
        numbers.map((n) => ({ _ts: time, n })),
        null,
        1,
      ),
    ),
});

testSource({
  name: "CSV file with --key '*'",
  make: async (sim, numbers) =>
    file(sim, "/a.csv", ["when;n", ...numbers.map((n) => `31.01.2026 12:00;${n}`)].join("\n"), {
      ts: "when",
      tsFormat: "%d.%m.%Y %H:%M",
      timezone: "Europe/Berlin",
      delimiter: ";",
      key: "*",
    }),
});

testSource({
  name: "spool",
  make: async (sim, numbers) =>
    filled(
      await openPart(sim.boot(), { directory: "/part", source: "web-1/x", collection: "events" }),
      numbers,
    ),
});

let databases = 0;
for (const [name, openStore] of [
  ["spool in IndexedDB", () => openIndexedStore(`source ${databases++}`)],
  ["spool in memory", async () => createMemoryStore()],
] as const)
  testSource({
    name,
    make: async (sim, numbers) => {
      const options = { store: await openStore(), part: "events/x", source: "web-1/x", hash: sha256 };
      return filled(await openStoredPart(sim.boot(), options), numbers);
    },
  });

async function filled(part: Part, numbers: readonly number[]): Promise<Source> {
  let count = 0;
  for (const n of numbers) {
    const id = `0191d2c4-7f5e-4c1b-9a53-${String(count++).padStart(12, "0")}`;
    await part.append(utf8Bytes(`{"_ts":"${time}","_id":"${id}","n":${n}}\n`), 1);
  }
  return part;
}
