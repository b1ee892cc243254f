/** The flags that several commands share, each also an `EPSILON_…` variable, and what their values mean. */

import { readFileSync } from "node:fs";
import { createHttpClient, type HttpClient, type InstanceAddress, parseInstanceUrl } from "@epsilon/client";
import type { Env } from "@epsilon/env";
import { EpsilonError, parseDuration } from "@epsilon/model";
import { type Command, InvalidArgumentError, Option } from "commander";

export const defaultUrl = "http://127.0.0.1:4320";

/** What every command takes. */
export interface CommonFlags {
  readonly format?: string;
  readonly quiet?: boolean;
  readonly token?: string;
  readonly tokenFile?: string;
}

/** An option that can also be set as `EPSILON_FLAG_NAME`. */
export function flag(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.env(`EPSILON_${option.name().toUpperCase().replaceAll("-", "_")}`);
}

/** Adds the flags of every command. `formats` are what `--format` takes here, the first is what it is without. */
export function addCommonFlags(
  command: Command,
  { formats = ["text", "json"], formatIs = "how to answer" }: FormatFlag = {},
): Command {
  return command
    .addOption(flag("--format <format>", formatIs).choices([...formats]))
    .addOption(flag("--quiet", "nothing on stderr but errors"))
    .addOption(flag("--token <token>", "who you are, for instances with --tokens"))
    .addOption(flag("--token-file <file>", "the same, from a file"));
}

interface FormatFlag {
  readonly formats?: readonly string[];
  readonly formatIs?: string;
}

/** Adds `--from` and `--collection`. */
export function addFromFlag(command: Command): Command {
  return command.addOption(
    flag(
      "--from <urls>",
      `the instance to ask, or several: then whichever answers (default: EPSILON_URL, or ${defaultUrl})`,
    ),
  );
}

export function addCollectionFlag(command: Command): Command {
  return command.addOption(flag("--collection <name>", "the collection").default("events"));
}

/** The command line wins over variables also where two flags say the same thing in two ways. */
export function preferCommandLine(command: Command): void {
  const sources = ["token", "tokenFile"].map((name) => [name, command.getOptionValueSource(name)] as const);
  if (!sources.some(([, source]) => source === "cli")) return;
  for (const [name, source] of sources) if (source === "env") command.setOptionValue(name, undefined);
}

/** A list, by commas or spaces. */
export function parseList(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** A list of fields: by commas only, because fields have spaces in their names. */
export function parseFields(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** A duration such as `60s`, milliseconds, for commander. */
export function durationArgument(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof EpsilonError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

/** An integer from 0, for commander. */
export function integerArgument(text: string): number {
  const value = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("it takes an integer from 0");
}

/** The instances of `--to` or `--from`, with who asks. Throws `usage`, and `bad_request` for what is no address. */
export function instancesOf(
  given: string | undefined,
  flagName: string,
  flags: CommonFlags,
): readonly InstanceAddress[] {
  const urls = parseList(given ?? process.env["EPSILON_URL"] ?? defaultUrl).map(parseInstanceUrl);
  if (urls.length === 0)
    throw new EpsilonError("usage", `${flagName} is empty; give the address of an instance`);
  const token = tokenOf(flags);
  return [...new Set(urls)].map((url) => ({ url, token }));
}

/** The one instance of `--to` or `--from`. Throws `usage` for several. */
export function oneUrl(given: string | undefined, flagName: string): string {
  const urls = parseList(given ?? process.env["EPSILON_URL"] ?? defaultUrl);
  const [url, ...more] = urls;
  if (url === undefined)
    throw new EpsilonError("usage", `${flagName} is empty; give the address of an instance`);
  if (more.length > 0)
    throw new EpsilonError(
      "usage",
      `${flagName} has ${urls.length} addresses; a delete on several instances at once comes with compare and repair, so give one`,
    );
  return url;
}

/** The token of `--token` or `--token-file`, if there is one. */
export function tokenOf(flags: CommonFlags): string | undefined {
  if (flags.token !== undefined && flags.tokenFile !== undefined)
    throw new EpsilonError("usage", "--token and --token-file were both given; give one");
  const { token, tokenFile } = flags;
  if (token === undefined && tokenFile === undefined) return undefined;
  const text = token ?? readText(tokenFile ?? "").trim();
  if (/^[!-~]+$/.test(text)) return text;
  throw new EpsilonError(
    "usage",
    `${tokenFile ?? "--token"} does not hold one token and nothing else; letters, digits and - . _ ~ + / = make a token`,
  );
}

/** A small file's text. Throws `file_not_found` or `io_error`. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new EpsilonError(
      isMissing ? "file_not_found" : "io_error",
      isMissing ? `there is no file ${path}` : `${path} cannot be read: ${String(cause)}`,
      { cause },
    );
  }
}

/** The client of the instance that the flags name. */
export function clientOf(env: Env, url: string, flags: CommonFlags): HttpClient {
  return createHttpClient(env, { url, token: tokenOf(flags) });
}
