/** Where `epsilon` begins and ends. */

import { endWithReader, flushOutput } from "./output.ts";
import { runProgram } from "./program.ts";

endWithReader();
const exitCode = await runProgram(process.argv.slice(2));
await flushOutput();
process.exit(exitCode);
