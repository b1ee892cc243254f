/**
 * The events that every benchmark uses: page views of 12 fields, about 324 bytes as JSON, the same on every run.
 *
 * The generator is a linear congruential one (Numerical Recipes' constants) so that anybody can write it again in any
 * language and get the same bytes; times spread evenly over a week, paths are skewed, ids grow with time (UUIDv7's
 * shape, as most writers would make them).
 */

/** What one event looks like before it is written as JSON. */
interface PageView {
  readonly _id: string;
  readonly _ts: number;
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly status: number;
  readonly duration_ms: number;
  readonly bytes: number;
  readonly country: string;
  readonly user_id: number;
  readonly user_agent: string;
  readonly bot: boolean;
}

const startMs = Date.UTC(2026, 0, 1);
const weekMs = 7 * 24 * 60 * 60 * 1000;
const seed = 12345;

const paths = Array.from({ length: 1000 }, (_, index) => `/p/${index.toString(36)}/item`);
const userAgents = Array.from(
  { length: 200 },
  (_, index) =>
    `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${60 + (index % 60)}.0.${index}.0 Safari/537.36`,
);
const countries = ["US", "DE", "IN", "BR", "FR", "GB", "JP", "CN", "AU", "CA"];
const hosts = ["web-1", "web-2", "web-3", "web-4"];
const oddStatuses = [301, 404, 500, 503];

/**
 * The first events of a set of `totalCount` that spans a week, one after another. Endless beyond `totalCount`: the
 * times then go on past the week.
 */
export function* pageViews(totalCount: number): Generator<PageView, never> {
  const unit = unitNumbers();
  const pick = <T>(list: readonly T[]): T => list[Math.trunc(unit() * list.length)] as T;
  const hex32 = () =>
    Math.trunc(unit() * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  for (let index = 0; ; index += 1) {
    const ts = startMs + Math.floor((index * weekMs) / totalCount);
    const [first, second] = [hex32(), hex32()];
    yield {
      _id: idOf(ts, index, { first, second }),
      _ts: ts,
      host: pick(hosts),
      path: paths[Math.trunc(unit() * unit() * 1000)] as string,
      method: unit() < 0.9 ? "GET" : "POST",
      status: unit() < 0.95 ? 200 : pick(oddStatuses),
      duration_ms: Math.round(-Math.log(1 - unit()) * 5000) / 100,
      bytes: Math.trunc(unit() * 50_000),
      country: pick(countries),
      user_id: Math.trunc(unit() * 100_000),
      user_agent: pick(userAgents),
      bot: unit() < 0.1,
    };
  }
}

/** The first `count` of them as request bodies of `batchEvents` lines of JSON each (the last may have fewer). */
export function bodiesOf(options: {
  readonly count: number;
  readonly totalCount: number;
  readonly batchEvents: number;
}): Buffer[] {
  const bodies: Buffer[] = [];
  let lines: string[] = [];
  let made = 0;
  for (const event of pageViews(options.totalCount)) {
    if (made === options.count) break;
    lines.push(JSON.stringify(event));
    made += 1;
    if (lines.length === options.batchEvents || made === options.count) {
      bodies.push(Buffer.from(`${lines.join("\n")}\n`));
      lines = [];
    }
  }
  return bodies;
}

/**
 * Moves every event of a body by whole weeks, in place: time and id change, the length does not. So a few hundred
 * megabytes of prepared bodies serve for a load of any size, and the sender hardly works while it is measured.
 */
export function moveByWeeks(body: Buffer, weeks: number): void {
  for (let start = 0; start < body.length; start = body.indexOf(10, start) + 1) {
    const ts = readDigits(body, start + tsOffset) + weeks * weekMs;
    writeDigits(body, { value: ts, radix: 10, at: start + tsOffset, count: tsDigits });
    // The id begins with the time: 8 digits, a hyphen, 4 digits.
    const low = ts % 65536;
    writeDigits(body, { value: (ts - low) / 65536, radix: 16, at: start + idOffset, count: 8 });
    writeDigits(body, { value: low, radix: 16, at: start + idOffset + 9, count: 4 });
  }
}

const idOffset = '{"_id":"'.length;
const tsDigits = 13;
const tsOffset = idOffset + 36 + '","_ts":'.length;

// By hand, because a call into Node's native string code costs more than the 13 digits do.
function readDigits(body: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + tsDigits; index += 1) value = value * 10 + (body[index] ?? 0) - 48;
  return value;
}

function writeDigits(
  body: Buffer,
  number: { readonly value: number; readonly radix: number; readonly at: number; readonly count: number },
): void {
  let rest = number.value;
  for (let index = number.at + number.count - 1; number.at <= index; index -= 1) {
    const digit = rest % number.radix;
    body[index] = digit < 10 ? 48 + digit : 87 + digit;
    rest = (rest - digit) / number.radix;
  }
}

function idOf(
  ts: number,
  index: number,
  random: { readonly first: string; readonly second: string },
): string {
  const hex = hexOf(ts);
  const { first, second } = random;
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${first.slice(0, 3)}-a${first.slice(3, 6)}-${second}${hexOf(index).slice(-4)}`;
}

function hexOf(value: number): string {
  return value.toString(16).padStart(12, "0");
}

function unitNumbers(): () => number {
  let state = seed;
  return () => {
    // A product below 2^53 stays exact in a double; only its lower 32 bits are kept.
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
