import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Where `scripts/build` puts the supervisor: beside the bundle of this executor, which in a checkout is below `dist`. */
const candidates = [
  join(import.meta.dirname, "shell-supervisor"),
  join(import.meta.dirname, "../../../../dist/lib/executors/shell-supervisor"),
];

/** @returns the absolute path of the native supervisor; undefined when it was not built */
export function findSupervisor(): string | undefined {
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
