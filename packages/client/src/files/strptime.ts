/** Times by a pattern, as `strptime` of C and Python knows them: `%d.%m.%Y %H:%M`. English names only. */

import { EpsilonError } from "@epsilon/model";

/** A time as its text says it. */
export interface LocalTime {
  /** The time as if it were UTC, milliseconds since 1970, whole seconds. */
  readonly localMs: number;
  /** What is left below a second. */
  readonly micros: number;
  /** Minutes east of UTC, if the text says so. */
  readonly offsetMinutes: number | undefined;
}

/** Undefined if the text does not have the pattern's form, or there is no such day. */
export type TimePattern = (text: string) => LocalTime | undefined;

interface Parts {
  year: number;
  month: number;
  day: number;
  dayOfYear: number | undefined;
  hour: number;
  isAfternoon: boolean | undefined;
  minute: number;
  second: number;
  micros: number;
  offsetMinutes: number | undefined;
  epochSeconds: number | undefined;
}

interface Directive {
  readonly pattern: string;
  readonly set: (parts: Parts, text: string) => void;
}

const months = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];
const weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const shortNames = (names: readonly string[]): string => names.map((name) => name.slice(0, 3)).join("|");

const directives: Readonly<Record<string, Directive>> = {
  Y: { pattern: "[0-9]{4}", set: (parts, text) => (parts.year = Number(text)) },
  y: {
    pattern: "[0-9]{2}",
    // As POSIX has it: 69 to 99 are the last century's.
    set: (parts, text) => (parts.year = Number(text) + (Number(text) < 69 ? 2000 : 1900)),
  },
  m: { pattern: "1[0-2]|0?[1-9]", set: (parts, text) => (parts.month = Number(text)) },
  d: { pattern: "3[01]|[12][0-9]|[0 ]?[1-9]", set: (parts, text) => (parts.day = Number(text)) },
  e: { pattern: "3[01]|[12][0-9]|[0 ]?[1-9]", set: (parts, text) => (parts.day = Number(text)) },
  j: {
    pattern: "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0?[1-9][0-9]|0{0,2}[1-9]",
    set: (parts, text) => (parts.dayOfYear = Number(text)),
  },
  H: { pattern: "2[0-3]|[01]?[0-9]", set: (parts, text) => (parts.hour = Number(text)) },
  I: { pattern: "1[0-2]|0?[1-9]", set: (parts, text) => (parts.hour = Number(text) % 12) },
  p: { pattern: "[ap]\\.?m\\.?", set: (parts, text) => (parts.isAfternoon = /^p/i.test(text)) },
  M: { pattern: "[0-5]?[0-9]", set: (parts, text) => (parts.minute = Number(text)) },
  S: { pattern: "[0-5]?[0-9]", set: (parts, text) => (parts.second = Number(text)) },
  f: {
    // Finer than a microsecond is cut off.
    pattern: "[0-9]{1,9}",
    set: (parts, text) => (parts.micros = Number(text.padEnd(6, "0").slice(0, 6))),
  },
  b: {
    pattern: shortNames(months),
    set: (parts, text) => (parts.month = months.findIndex((name) => name.startsWith(text.toLowerCase())) + 1),
  },
  B: {
    pattern: months.join("|"),
    set: (parts, text) => (parts.month = months.indexOf(text.toLowerCase()) + 1),
  },
  a: { pattern: shortNames(weekdays), set: () => undefined },
  A: { pattern: weekdays.join("|"), set: () => undefined },
  z: {
    pattern: "Z|[+-][0-9]{2}:?[0-5][0-9]",
    set: (parts, text) => (parts.offsetMinutes = offsetOf(text)),
  },
  Z: { pattern: "UTC|GMT|Z", set: (parts) => (parts.offsetMinutes = 0) },
  s: { pattern: "-?[0-9]{1,12}", set: (parts, text) => (parts.epochSeconds = Number(text)) },
};

const shorthands: Readonly<Record<string, string>> = {
  T: "%H:%M:%S",
  R: "%H:%M",
  F: "%Y-%m-%d",
  D: "%m/%d/%y",
};

/** The directives that a pattern may have, for messages and help. */
export const timeDirectives = [...Object.keys(directives), ...Object.keys(shorthands)].map(
  (letter) => `%${letter}`,
);

/** Compiles a pattern. Throws `bad_request` for an unknown directive, one used twice, or a pattern without a year. */
export function compileTimePattern(pattern: string): TimePattern {
  const expanded = pattern.replace(/%(.)/gs, (whole, letter: string) => shorthands[letter] ?? whole);
  const used: Directive[] = [];
  const letters = new Set<string>();
  let source = "";
  for (let at = 0; at < expanded.length; at++) {
    const character = expanded.charAt(at);
    if (character === "%") {
      at += 1;
      const letter = expanded.charAt(at);
      if (letter === "%") {
        source += "%";
        continue;
      }
      const directive = Object.hasOwn(directives, letter) ? directives[letter] : undefined;
      if (directive === undefined) throw badPattern(pattern, `%${letter} is not known`);
      if (letters.has(letter)) throw badPattern(pattern, `%${letter} stands there twice`);
      letters.add(letter);
      used.push(directive);
      source += `(${directive.pattern})`;
    } else if (/\s/.test(character)) source += "\\s+";
    else source += character.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
  }
  if (!["Y", "y", "s"].some((letter) => letters.has(letter))) throw badPattern(pattern, "it has no year");
  if (letters.has("I") && !letters.has("p")) throw badPattern(pattern, "%I needs %p");
  const regex = new RegExp(`^${source}$`, "i");
  return (text) => {
    const match = regex.exec(text.trim());
    if (match === null) return undefined;
    const parts: Parts = {
      year: 1970,
      month: 1,
      day: 1,
      dayOfYear: undefined,
      hour: 0,
      isAfternoon: undefined,
      minute: 0,
      second: 0,
      micros: 0,
      offsetMinutes: undefined,
      epochSeconds: undefined,
    };
    for (const [index, directive] of used.entries()) directive.set(parts, match[index + 1] ?? "");
    return localTimeOf(parts, letters.has("I"));
  };
}

/** Milliseconds since 1970 of a date and time as if it were UTC; undefined if there is no such day. */
export function localMsOf(
  year: number,
  month: number,
  day: number,
  time: { readonly hour: number; readonly minute: number; readonly second: number },
): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.setUTCHours(time.hour, time.minute, time.second);
}

/** Minutes east of UTC of `Z`, `+0200` or `+02:00`. */
export function offsetOf(text: string): number {
  if (/^z$/i.test(text)) return 0;
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(-2));
  return text.startsWith("-") ? -minutes : minutes;
}

function localTimeOf(parts: Parts, isTwelveHours: boolean): LocalTime | undefined {
  const { micros, offsetMinutes, epochSeconds } = parts;
  if (epochSeconds !== undefined) return { localMs: epochSeconds * 1000, micros, offsetMinutes: 0 };
  const hour = isTwelveHours && parts.isAfternoon === true ? parts.hour + 12 : parts.hour;
  const time = { hour, minute: parts.minute, second: parts.second };
  if (parts.dayOfYear === undefined) {
    const localMs = localMsOf(parts.year, parts.month, parts.day, time);
    return localMs === undefined ? undefined : { localMs, micros, offsetMinutes };
  }
  const january = localMsOf(parts.year, 1, 1, time);
  if (january === undefined) return undefined;
  const localMs = january + (parts.dayOfYear - 1) * 86_400_000;
  // Day 366 of a common year is no day.
  if (new Date(localMs).getUTCFullYear() !== parts.year) return undefined;
  return { localMs, micros, offsetMinutes };
}

function badPattern(pattern: string, why: string): EpsilonError {
  return new EpsilonError(
    "bad_request",
    `--ts-format ${JSON.stringify(pattern)}: ${why}; iso, s, ms, us, ns, or a pattern of ${timeDirectives.join(" ")}`,
  );
}
