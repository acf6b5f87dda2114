import { existsSync, globSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "./root.ts";

/** One program to build. Paths below `dist` are relative to it. */
export interface Target {
  /** `shell`, `executor-host`. */
  readonly name: string;
  readonly kind: "executor" | "command";
  /** The program's source, relative to the checkout. */
  readonly entry: string;
  /** Where the bundle goes, below `dist`. */
  readonly bundle: string;
  /** Where the launcher goes, below `dist`. */
  readonly launcher: string;
}

const command: Target = {
  name: "executor-host",
  kind: "command",
  entry: "host/cli/main.ts",
  bundle: "lib/executor-host.cjs",
  launcher: "bin/executor-host",
};

/** An executor for each workspace below `executors` that has a `main.ts`, and then the host's command. */
export function findTargets(): Target[] {
  const executors = globSync("executors/*/main.ts", { cwd: root })
    .filter((entry) => existsSync(join(root, dirname(entry), "package.json")))
    .toSorted()
    .map((entry): Target => {
      const name = basename(dirname(entry));
      const launcher = `plugins/dkron-executor-${name}`;
      return { name, kind: "executor", entry, bundle: `lib/executors/${name}.cjs`, launcher };
    });
  return [...executors, command].filter(({ entry }) => existsSync(join(root, entry)));
}
