import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Journal } from "../journal/journal.ts";
import { Containment } from "../supervision/containment.ts";
import { timeouts } from "./timeouts.ts";

/**
 * Clear away what embedded hosts of this user left that were killed: processes, control groups, directories.
 *
 * Whether one still runs is told by its journal's lock, which the kernel gives back at any kind of death. Never throws: what cannot be
 * cleared away now is left for the next command.
 *
 * @param base where their directories are
 * @param prefix what their names start with
 */
export async function sweepAbandoned(base: string, prefix: string): Promise<void> {
  const names = (await readdir(base).catch(() => [])).filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => sweep(join(base, name)).catch(() => undefined)));
}

async function sweep(directory: string): Promise<void> {
  const { uid, mtimeMs } = await stat(directory);
  // A host that is just being made has no lock yet.
  const isNew = Date.now() - mtimeMs < timeouts.abandonedAfterMs;
  if (uid !== process.getuid?.() || isNew) return;
  {
    await using journal = await Journal.open({ stateDir: join(directory, "state"), sync: "normal" });
    const { containment } = await Containment.open(journal.instanceId, journal);
    await containment.close();
  }
  await rm(directory, { recursive: true, force: true });
}
