/**
 * The floor: what a server must do at the least to say "it is on disk": read the request, parse every line, append
 * the bytes, `fdatasync` once for all requests that wait, answer 204. No names, no table, no queries. Ingest figures
 * are ratios to it, measured in the same run, so that they mean something on another machine.
 *
 *     node floor.js PORT FILE
 */

import { fdatasync, openSync, writev } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { argv } from "node:process";

interface Waiting {
  readonly chunks: readonly Buffer[];
  readonly response: ServerResponse;
}

const port = Number(argv[2]);
const file = openSync(argv[3] ?? "floor.log", "w");
let waiting: Waiting[] = [];
let busy = false;

createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (request.method === "GET") {
      response.end("ok\n");
      return;
    }
    parseLines(Buffer.concat(chunks).toString("utf8"));
    waiting.push({ chunks, response });
    writeGroup();
  });
}).listen(port, "127.0.0.1");

/** Group commit: whoever arrives while a group is being synced waits for the next one. */
function writeGroup(): void {
  if (busy || waiting.length === 0) return;
  busy = true;
  const group = waiting;
  waiting = [];
  writev(
    file,
    group.flatMap((one) => one.chunks),
    (writeError) => {
      if (writeError !== null) throw writeError;
      fdatasync(file, (syncError) => {
        if (syncError !== null) throw syncError;
        for (const { response } of group) response.writeHead(204).end();
        busy = false;
        writeGroup();
      });
    },
  );
}

function parseLines(text: string): number {
  let events = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    if (start < end && 0 < JSON.parse(text.slice(start, end))._ts) events += 1;
    start = end + 1;
  }
  return events;
}
