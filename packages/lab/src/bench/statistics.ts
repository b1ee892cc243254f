/** The few statistics and the Markdown that benchmark reports need. */

import { assert, must } from "@epsilon/model";

/** The value at `fraction` (0 to 1) of the sorted values, by nearest rank. */
export function percentile(values: readonly number[], fraction: number): number {
  assert(0 < values.length, "a percentile of nothing");
  const sorted = Float64Array.from(values).sort();
  return must(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]);
}

/** The middle value; of an even number of values the upper one of the two. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The geometric mean of positive values: the fair mean of ratios. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** `median (min–max)`, each as `format` writes it. */
export function spread(values: readonly number[], format: (value: number) => string): string {
  if (values.length === 1) return format(must(values[0]));
  return `${format(median(values))} (${format(percentile(values, 0))}–${format(percentile(values, 1))})`;
}

/** 123456 as `123k`. */
export function thousands(value: number): string {
  return 1e5 <= value ? `${Math.round(value / 1e3)}k` : `${(value / 1e3).toFixed(1)}k`;
}

/** With one decimal, two below 10. */
export function short(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

/** Bytes as MB (10^6). */
export function megabytes(value: number): string {
  return `${Math.round(value / 1e6)} MB`;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
