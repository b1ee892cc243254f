/** The `epsilon` command; see docs/cli.md. The package is for its command line, and has nothing to import. */
export { version } from "./version.ts";
