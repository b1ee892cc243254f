/** `/`: a page for people. What there is, and a box to ask it. No script, nothing from elsewhere. */

import { createHash } from "node:crypto";
import { formatTimestamp } from "@epsilon/model";
import type { CollectionInfo } from "@epsilon/store";
import type { Handler, ServerContext } from "../context.ts";
import { sendText } from "../http/answer.ts";
import { readableCollections } from "./collections.ts";

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8884; padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top; }
.number { font-variant-numeric: tabular-nums; text-align: right; }
input { box-sizing: border-box; font: inherit; width: 100%; }
code { font-size: .9em; }
footer { margin-top: 2rem; opacity: .7; }
`;

/** The page may use this style sheet, send its forms home, and nothing else. */
const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/** The page. With tokens and without one in the request it shows no collections. */
export const showExplorer: Handler = async (context, request, reply) => {
  const collections = await readableCollections(context, request);
  reply.header("content-security-policy", contentSecurityPolicy).header("referrer-policy", "no-referrer");
  const body = request.access === null ? askForToken() : listing(collections);
  return sendText(context, reply, { type: "text/html; charset=utf-8", text: page(context, body) });
};

function page(context: ServerContext, body: string): string {
  const { instance, version } = context;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Epsilon</title>
<style>${style}</style></head>
<body>
<h1>Epsilon</h1>
${body}
<footer>Instance <code>${escapeHtml(instance)}</code>, version ${escapeHtml(version)}.
<a href="/openapi.json">API</a> · <a href="/v1/instance">instance</a> · <a href="/metrics">metrics</a></footer>
</body>
</html>
`;
}

function askForToken(): string {
  return `<p>This instance asks for a token. Send it along:
<code>curl -H 'Authorization: Bearer TOKEN' …/v1/collections</code></p>`;
}

function listing(collections: readonly CollectionInfo[]): string {
  if (collections.length === 0) {
    return `<p>There are no events yet. Write the first one:</p>
<pre><code>curl -d '{"path":"/","status":200}' http://127.0.0.1:4320/v1/collections/events/events</code></pre>`;
  }
  return `<table>
<thead><tr><th>Collection</th><th class="number">Events</th><th>First</th><th>Last</th><th>Ask, and press Enter</th></tr></thead>
<tbody>
${collections.map(row).join("\n")}
</tbody>
</table>`;
}

function row({ name, events, firstTsMicros, lastTsMicros }: CollectionInfo): string {
  const label = escapeHtml(name);
  const path = `/v1/collections/${encodeURIComponent(name)}`;
  return `<tr><td><a href="${path}/fields">${label}</a></td><td class="number">${events.toLocaleString("en")}</td>\
<td>${timeOf(firstTsMicros)}</td><td>${timeOf(lastTsMicros)}</td>\
<td><form action="${path}/query"><input name="q" aria-label="Query ${label}" value="SELECT count POINT SIZE 1h SINCE 7d"></form></td></tr>`;
}

function timeOf(micros: bigint | null): string {
  return micros === null ? "" : formatTimestamp(micros).slice(0, 19).replace("T", " ");
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
