import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Programs } from "./programs.ts";

/** The same programs, and the executor that does nothing once more under the name `crasher`: to be killed without harm to others. */
export async function withCrasher(programs: Programs, directory: string): Promise<Programs> {
  const plugins = await mkdtemp(join(directory, "p-"));
  await writeFile(join(plugins, "dkron-executor-crasher"), `#!/bin/sh\nexec '${programs.noop}'\n`, { mode: 0o755 });
  return { ...programs, pluginsDirs: [...programs.pluginsDirs, plugins] };
}
