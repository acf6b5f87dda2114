import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const fixturesDir = join(import.meta.dirname, "../fixtures/executors");
/** What the sources compile to is kept here from run to run. */
export const compileCacheDir = join(import.meta.dirname, "../../node_modules/.cache/executor-host-tests");

/** A directory of executors, filled by tests. */
export class PluginsDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(path: string): Promise<PluginsDir> {
    await mkdir(path, { recursive: true });
    return new PluginsDir(path);
  }

  /**
   * Install an executor of `test/fixtures/executors` under its own name, or under another one.
   *
   * It is a launcher, as in an installation: the runtime is found wherever the host is started.
   */
  async fixture(name: string, as = name): Promise<string> {
    return this.script(
      as,
      `#!/bin/sh\nexport NODE_COMPILE_CACHE='${compileCacheDir}'\nexec '${process.execPath}' '${join(fixturesDir, name)}.ts' "$@"\n`,
    );
  }

  /** Install any text as an executor. */
  async script(name: string, text: string): Promise<string> {
    return this.file(name, text, 0o755);
  }

  /** Install any bytes as an executor, in one step as a package manager does: what runs from an earlier file of that name is not disturbed. */
  async file(name: string, content: string | Uint8Array, mode: number): Promise<string> {
    const path = this.#pathOf(name);
    const made = join(this.path, `.${name}`);
    await writeFile(made, content);
    await chmod(made, mode);
    await rename(made, path);
    return path;
  }

  remove(name: string): Promise<void> {
    return rm(this.#pathOf(name));
  }

  #pathOf(name: string): string {
    return join(this.path, `dkron-executor-${name}`);
  }
}
