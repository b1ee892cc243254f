/** How `serve` and `relay` listen, and whom they let in: the flags. */

import type { Command } from "commander";
import { flag } from "./flags.ts";

export interface ListenFlags {
  readonly listen: string;
  readonly tokens?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly allowOrigin?: string;
  readonly insecure?: boolean;
}

/** Adds the flags. */
export function addListenFlags(command: Command, listenDefault: string): Command {
  return command
    .addOption(
      flag("--listen <host:port>", "where to listen; port 0 takes a free one").default(listenDefault),
    )
    .addOption(flag("--tokens <file>", "who may do what, a line each: TOKEN SCOPE[,SCOPE] [# note]"))
    .addOption(flag("--tls-cert <file>", "the certificate with its chain, PEM"))
    .addOption(flag("--tls-key <file>", "its key, PEM"))
    .addOption(flag("--allow-origin <origins>", "web pages that may ask, such as https://www.example.org"))
    .addOption(flag("--insecure", "let other machines in without tokens"));
}
