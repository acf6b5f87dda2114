import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where `scripts/build` puts executors. */
export const pluginsDir = join(import.meta.dirname, "../../dist/plugins");

/** For `describe` and `test`: why there is no built executor to test; false when there is. */
export function skipUnlessBuilt(name: string): string | false {
  const isBuilt = existsSync(join(pluginsDir, `dkron-executor-${name}`));
  return isBuilt ? false : `the ${name} executor is not built: run scripts/build`;
}
