import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nodeFlagsOf, type Bundle } from "./bundle.ts";
import { root } from "./root.ts";
import type { Target } from "./targets.ts";
import { warmUp } from "./warm-up.ts";

/**
 * Write the V8 code cache of a bundle beside it, unless the one there is still right.
 *
 * The program runs once, so that functions which V8 compiles when they are first called are in the cache, too.
 *
 * @param dist where the bundles and `lib/boot.cjs` are, absolute
 * @returns its size in bytes
 */
export async function writeCodeCache(target: Target, bundle: Bundle, dist: string): Promise<number> {
  const path = join(dist, `${target.bundle}.cache`);
  if ((await checksumIn(path, bundle.checksum.length)) !== bundle.checksum) {
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
    const recorder = [join(root, "scripts/lib/record.cjs"), temporary, join(dist, "lib/boot.cjs")];
    try {
      await warmUp(target, [...nodeFlagsOf(target.kind), ...recorder, target.bundle.replace(/^lib\//, "")]);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }
  return (await stat(path)).size;
}

/** The first characters of a file; empty when there is no file. */
async function checksumIn(path: string, length: number): Promise<string> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length);
    return buffer.toString("latin1", 0, bytesRead);
  } catch {
    return ""; // Never made, or half removed: it is made again either way.
  }
}
