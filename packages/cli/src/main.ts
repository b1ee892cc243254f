/** Where `epsilon` begins and ends. */

import { endWithReader, errorLine, flushOutput } from "./output.ts";
import { runProgram } from "./program.ts";

// A bug of ours: 1 would mean "no", and the process is not to be trusted any more.
process.on("uncaughtException", (error) => {
  process.stderr.write(`${errorLine(error, false)}\n`);
  process.exit(2);
});
endWithReader();
const exitCode = await runProgram(process.argv.slice(2));
await flushOutput();
process.exit(exitCode);
