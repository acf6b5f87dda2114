import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeSync, openSync, closeSync } from "node:fs";
import { join } from "node:path";

/** Only root may mount. */
export const canMount = process.platform === "linux" && process.getuid?.() === 0;

/** A file system of its own that can be filled. */
export class SmallDisk implements Disposable {
  readonly path: string;

  /** @param path where to mount it @param sizeBytes how much it holds */
  constructor(path: string, sizeBytes: number) {
    mkdirSync(path);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes},mode=700`, "tmpfs", path]);
    this.path = path;
  }

  /** Take all space that is left. */
  fill(): void {
    const file = openSync(this.#filler, "a");
    const { bsize } = statfsSync(this.path);
    try {
      for (;;) writeSync(file, Buffer.alloc(bsize));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Give back what `fill` took. */
  free(): void {
    rmSync(this.#filler);
  }

  /** Make room, as an operator would. */
  grow(): void {
    execFileSync("mount", ["-o", "remount,size=64m", this.path]);
  }

  [Symbol.dispose](): void {
    // Lazily: whoever still has a file open keeps it until it closes it.
    execFileSync("umount", ["--lazy", this.path]);
  }

  get #filler(): string {
    return join(this.path, "filler");
  }
}
