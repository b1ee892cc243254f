/** A set of closed time ranges, in microseconds: sorted, disjoint, and few. When they become many, near ones are joined. */

export interface TimeRange {
  readonly from: bigint;
  readonly to: bigint;
}

const rangesMax = 256;
const rangesKept = 64;

export class TimeRanges {
  #ranges: TimeRange[] = [];

  get ranges(): readonly TimeRange[] {
    return this.#ranges;
  }

  /** Whether a moment of `from` to `to` is in the set. */
  touches(from: bigint, to: bigint): boolean {
    const range = this.#ranges[this.#firstEndingAt(from)];
    return range !== undefined && range.from <= to;
  }

  /** From here on the set has every moment of `from` to `to`, and perhaps some between its ranges. */
  add(from: bigint, to: bigint): void {
    const at = this.#firstEndingAt(from);
    let [low, high, count] = [from, to, 0];
    for (let range = this.#ranges[at]; range !== undefined && range.from <= to; ) {
      if (range.from < low) low = range.from;
      if (range.to > high) high = range.to;
      count += 1;
      range = this.#ranges[at + count];
    }
    this.#ranges.splice(at, count, { from: low, to: high });
    if (this.#ranges.length > rangesMax) this.#joinNear();
  }

  /** Index of the first range that ends at or after `moment`. */
  #firstEndingAt(moment: bigint): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && range.to < moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Keeps the widest gaps only. */
  #joinNear(): void {
    const ranges = this.#ranges;
    const gapBefore = (index: number): bigint => (ranges[index]?.from ?? 0n) - (ranges[index - 1]?.to ?? 0n);
    const widest = ranges
      .map((_, index) => index)
      .slice(1)
      .sort((a, b) => (gapBefore(a) < gapBefore(b) ? 1 : -1))
      .slice(0, rangesKept - 1);
    const starts = [0, ...widest.sort((a, b) => a - b), ranges.length];
    this.#ranges = starts.slice(0, -1).map((start, index) => ({
      from: ranges[start]?.from ?? 0n,
      to: ranges[(starts[index + 1] ?? 0) - 1]?.to ?? 0n,
    }));
  }
}
