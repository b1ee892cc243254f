/** The command line, described once: commands, flags, variables, help. */

import { Command, CommanderError } from "commander";
import { addCheckCommand } from "./commands/check.ts";
import { addDeleteCommand, addDropCommand } from "./commands/delete.ts";
import { addExportCommand } from "./commands/export.ts";
import { addLaterCommands } from "./commands/later.ts";
import { addPushCommand } from "./commands/push.ts";
import { addQueryCommand } from "./commands/query.ts";
import { addRelayCommand } from "./commands/relay.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTailCommand } from "./commands/tail.ts";
import { preferCommandLine } from "./flags.ts";
import { errorLine } from "./output.ts";
import { type CommandContext, createContext, examples } from "./program-context.ts";
import { version } from "./version.ts";

export function buildProgram(context: CommandContext): Command {
  const program = new Command("epsilon")
    .description("An events database that one person can run and trust.")
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      "after",
      `${examples(
        "epsilon serve",
        "epsilon push views.ndjson --collection views",
        "epsilon query 'SELECT count GROUP BY path SINCE 7d' --collection views",
      )}\n\nEvery flag can be set as EPSILON_FLAG_NAME. Exit codes: 0 done, 1 no (some events rejected), 2 could not do it.`,
    );
  addServeCommand(program, context);
  addRelayCommand(program, context);
  addPushCommand(program, context);
  addQueryCommand(program, context);
  addTailCommand(program, context);
  addExportCommand(program, context);
  addDeleteCommand(program, context);
  addDropCommand(program, context);
  addStatusCommand(program, context);
  addCheckCommand(program, context);
  addLaterCommands(program, context);
  for (const command of program.commands) command.exitOverride();
  program.hook("preAction", (_, command) => preferCommandLine(command));
  return program;
}

/** Runs a command line (without `node` and the script's name); answers the exit code. */
export async function runProgram(words: readonly string[]): Promise<number> {
  let exitCode = 0;
  const context = createContext((code) => {
    exitCode = code;
  });
  const program = buildProgram(context);
  const isJson = wantsJson(words);
  for (const command of [program, ...program.commands])
    command.configureOutput({
      outputError: (text, write) => {
        const line = text
          .trim()
          .replace(/^error: /, "")
          .replace(/\s*\n\s*/g, " ");
        const help = `run epsilon ${command === program ? "" : `${command.name()} `}--help`;
        const message = `${line}; ${help}`;
        write(
          isJson
            ? `${JSON.stringify({ error: { code: "usage", message } })}\n`
            : `epsilon: ${message} (usage)\n`,
        );
      },
    });
  forgetVariables(program);
  if (words.length === 0) {
    program.outputHelp({ error: true });
    return 2;
  }
  try {
    await program.parseAsync([...words], { from: "user" });
    return exitCode;
  } catch (error) {
    // Help and the version were asked for; all else was not understood, and commander has said so.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`${errorLine(error, isJson)}\n`);
    return 2;
  }
}

function wantsJson(words: readonly string[]): boolean {
  const at = words.indexOf("--format");
  return (
    words[at + 1] === "json" || words.includes("--format=json") || process.env["EPSILON_FORMAT"] === "json"
  );
}

/**
 * An empty variable is none. A flag without a value is on when its variable is there, whatever it says: those that say
 * no are taken out too.
 */
function forgetVariables(program: Command): void {
  for (const command of program.commands)
    for (const { envVar, required, optional } of command.options) {
      const no = required || optional ? /^$/ : /^(?:|0|false|no|off)$/i;
      if (envVar !== undefined && no.test(process.env[envVar] ?? "")) delete process.env[envVar];
    }
}
