/** How far long work has come: a bar on a terminal, a line every few seconds elsewhere, nothing with `--quiet`. */

import { Presets, SingleBar } from "cli-progress";

export interface Progress {
  /** `done` of the total, and a few words. */
  update(done: number, words: string): void;
  /** Takes the bar away. */
  end(): void;
}

const lineEveryMs = 5000;

/** `total` may be unknown: then only the words are shown. */
export function startProgress(total: number | undefined, isQuiet: boolean): Progress {
  if (isQuiet) return { update: () => undefined, end: () => undefined };
  return process.stderr.isTTY && total !== undefined && total > 0 ? startBar(total) : startLines(total);
}

function startBar(total: number): Progress {
  const bar = new SingleBar(
    {
      stream: process.stderr,
      format: "{bar} {percentage}% {words}",
      clearOnComplete: true,
      hideCursor: null,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { words: "" });
  return { update: (done, words) => bar.update(Math.min(done, total), { words }), end: () => bar.stop() };
}

function startLines(total: number | undefined): Progress {
  let lastMs = performance.now();
  return {
    update: (done, words) => {
      const nowMs = performance.now();
      if (nowMs - lastMs < lineEveryMs) return;
      lastMs = nowMs;
      const percent = total === undefined || total === 0 ? "" : `${Math.floor((done / total) * 100)}% `;
      process.stderr.write(`${percent}${words}\n`);
    },
    end: () => undefined,
  };
}
