import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Write a file in one step: whoever opens it finds the old content or the new, never half of it. */
export async function replaceFile(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  // Hidden, as a host that watches the directory must not take it for a new program.
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(temporary, data);
  await chmod(temporary, mode);
  await rename(temporary, path);
}
