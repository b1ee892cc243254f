/** How `serve` and `relay` listen, and whom they let in: what the flags mean. */

import { EpsilonError } from "@epsilon/model";
import {
  assertListenAllowed,
  assertTlsWorks,
  type ListenOptions,
  parseOrigin,
  parseTokens,
} from "@epsilon/server";
import { parseList, readText } from "./flags.ts";
import type { ListenFlags } from "./listen-flags.ts";

/** What the flags mean. Throws `usage`, `insecure_address`, and what is wrong with the files. */
export function listenOptionsOf(flags: ListenFlags): ListenOptions {
  const listen = parseListen(flags.listen);
  const tokens = flags.tokens === undefined ? undefined : parseTokens(readText(flags.tokens));
  const tls = readTls(flags);
  const allowOrigins = parseList(flags.allowOrigin ?? "").map((origin) =>
    origin === "*" ? origin : checkOrigin(origin),
  );
  const insecure = flags.insecure === true;
  assertListenAllowed(listen.host, { tokens, insecure });
  return { listen, tokens, tls, allowOrigins, insecure };
}

/** `HOST:PORT`, `[::1]:PORT` or a port alone. Throws `usage`. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.%a-z]+)\]:|([^:[\]]*):)?([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535)
    throw new EpsilonError(
      "usage",
      `--listen ${JSON.stringify(text)}: give HOST:PORT, such as 127.0.0.1:4320 or [::1]:4320`,
    );
  const host = bracketed ?? plain;
  return { host: host === undefined || host === "" ? "127.0.0.1" : host, port };
}

function readTls(flags: ListenFlags): { readonly cert: string; readonly key: string } | undefined {
  const { tlsCert, tlsKey } = flags;
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new EpsilonError("usage", "--tls-cert and --tls-key go together");
  const tls = { cert: readText(tlsCert), key: readText(tlsKey) };
  assertTlsWorks(tls);
  return tls;
}

function checkOrigin(text: string): string {
  parseOrigin(text);
  return text;
}
