/** Small files that several processes of a machine read and make. */

import type { Env, FileHandle, Files } from "@epsilon/env";

const bytesMax = 4096;

/** A small file's text. */
export async function readSmallFile(files: Files, path: string): Promise<string> {
  const file = await files.open(path, "read");
  try {
    return new TextDecoder().decode(await file.read(0, bytesMax));
  } finally {
    await file.close();
  }
}

/**
 * Makes a file with this text in a folder, durably, unless there is one of that name: of several callers one wins.
 * Nobody ever sees a part of it. Answers whether it was made.
 */
export async function publishFirst(
  env: Env,
  target: { readonly directory: string; readonly name: string },
  text: string,
): Promise<boolean> {
  const { directory, name } = target;
  // Should a crash leave it there: nobody reads it, and it is small.
  const temporary = `${directory}/tmp.${randomName(env)}`;
  const file = await env.files.open(temporary, "create");
  let isMade = false;
  try {
    await fill(file, text);
    isMade = await env.files.link(temporary, `${directory}/${name}`);
  } finally {
    await env.files.remove(temporary);
  }
  if (isMade) await env.files.syncDirectory(directory);
  return isMade;
}

async function fill(file: FileHandle, text: string): Promise<void> {
  try {
    await file.append([new TextEncoder().encode(text)]);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** 16 random hex digits: a name that nobody else draws. */
export function randomName(env: Env): string {
  return [...env.random.bytes(8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
