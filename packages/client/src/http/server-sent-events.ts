/** The format of server-sent events, as far as instances use it: `id`, `event`, `data`, comments. */

export interface ServerSentEvent {
  readonly type: string;
  readonly id: string;
  readonly data: string;
}

/** The events of a stream. What breaks off before its blank line was never an event. */
export async function* parseServerSentEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let id = "";
  let type = "message";
  let data: string[] = [];
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    // A lone CR ends a line too, but nobody writes it; LF and CR LF do here.
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (data.length > 0) yield { type, id, data: data.join("\n") };
        type = "message";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "data") data.push(value);
      else if (field === "id") id = value;
      else if (field === "event") type = value;
    }
  }
}
