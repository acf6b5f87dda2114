import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bundle } from "../../scripts/lib/bundle.ts";
import { writeCodeCache } from "../../scripts/lib/code-cache.ts";
import { launcherOf } from "../../scripts/lib/launcher.ts";
import { replaceFile } from "../../scripts/lib/replace-file.ts";
import { root } from "../../scripts/lib/root.ts";
import type { Target } from "../../scripts/lib/targets.ts";

/** What is measured, as `scripts/build` makes it. Absolute paths. */
export interface Programs extends AsyncDisposable {
  /** The host's command. */
  readonly host: string;
  /** Directories with executors. */
  readonly pluginsDirs: readonly string[];
  /** An executor that does nothing. */
  readonly noop: string;
  readonly shell: string;
}

const dist = join(root, "dist");

const noop: Target = {
  name: "noop",
  kind: "executor",
  entry: "bench/fixtures/noop.ts",
  bundle: "lib/bench/noop.cjs",
  launcher: "bench/dkron-executor-noop",
};

/** Find what is built, and build the executor that does nothing in the same way; it is removed at the end. */
export async function preparePrograms(): Promise<Programs> {
  const host = join(dist, "bin/executor-host");
  const shell = join(dist, "plugins/dkron-executor-shell");
  for (const path of [host, shell]) if (!existsSync(path)) throw new Error(`not built: ${path}: run scripts/build`);
  const made = await bundle(noop.entry, join(dist, noop.bundle));
  await writeCodeCache(noop, made, dist);
  await replaceFile(join(dist, noop.launcher), launcherOf(noop), 0o755);
  return {
    host,
    shell,
    noop: join(dist, noop.launcher),
    pluginsDirs: [dirname(shell), join(dist, dirname(noop.launcher))],
    async [Symbol.asyncDispose]() {
      for (const path of [noop.bundle, noop.launcher]) {
        await rm(join(dist, dirname(path)), { recursive: true, force: true });
      }
    },
  };
}
