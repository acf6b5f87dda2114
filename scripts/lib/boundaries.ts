import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const foundations = ["proto", "host/model", "host/log", "host/settings", "host/timeouts.ts"];
const belowExecution = [...foundations, "goplugin", "host/journal", "host/policy", "host/supervision"];
const belowApi = [...belowExecution, "host/execution"];
const belowHost = [...belowApi, "host/api"];

/** Every area of the code by its path, with the areas it may import besides itself. Code elsewhere (scripts, test, bench) may import all. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  goplugin: ["proto"],

  "host/model": ["proto"],
  "host/log": foundations,
  "host/settings": foundations,
  "host/timeouts.ts": [],
  "host/policy": foundations,
  "host/journal": foundations,
  "host/supervision": [...foundations, "goplugin"],
  "host/execution": belowExecution,
  "host/api": belowApi,
  "host/client": foundations,
  "host/conformance": [...foundations, "goplugin", "host/supervision"],
  "host/scaffold": foundations,
  host: belowHost,
  "host/cli": [...belowHost, "host", "host/client", "host/conformance", "host/scaffold"],

  "executors/sdk": ["goplugin", "proto"],
  executors: ["executors/sdk"],
};

/** Where the names of our packages lead. */
const packages: readonly (readonly [prefix: string, path: string])[] = [
  ["@executor-host/proto", "proto"],
  ["@executor-host/goplugin", "goplugin"],
  ["@executor-host/host", "host"],
  ["@executor-host/sdk", "executors/sdk"],
  ["@executor-host/executor-", "executors/"],
];

/**
 * Find imports that go against the arrows: `host/cli -> api -> execution -> supervision -> goplugin -> proto`, `execution -> journal`,
 * `executors/* -> sdk -> goplugin -> proto`, and never between a host and an executor, or between two executors.
 *
 * @param root of the checkout
 * @returns a line per import
 */
export function findViolations(root: string): string[] {
  const files = globSync("{proto,goplugin,host,executors}/**/*.ts", { cwd: root, exclude: ["**/node_modules"] });
  return files.toSorted().flatMap((file) => {
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    return lines.flatMap((line, index) => {
      const imported = importedBy(file, line);
      return imported === undefined || isAllowed(file, imported)
        ? []
        : [`${file}:${index + 1}: ${areaOf(file)} must not import ${imported}`];
    });
  });
}

/** The path within the checkout that a line imports; undefined for other lines and for packages of others. */
function importedBy(file: string, line: string): string | undefined {
  const specifier = /(?:\bfrom|\bimport\(?|\brequire\()\s*"([^"]+)"/.exec(line)?.[1];
  if (specifier === undefined) return undefined;
  if (specifier.startsWith(".")) return normalize(join(dirname(file), specifier));
  const known = packages.find(([prefix]) => specifier.startsWith(prefix));
  return known === undefined ? undefined : known[1] + specifier.slice(known[0].length);
}

function isAllowed(file: string, imported: string): boolean {
  const [from, to] = [areaOf(file), areaOf(imported)];
  if (from === "executors" && to === "executors") return executorOf(file) === executorOf(imported);
  return from === undefined || from === to || (to !== undefined && (arrows[from] ?? []).includes(to));
}

/** The longest area that holds a path. */
function areaOf(path: string): string | undefined {
  const areas = Object.keys(arrows).filter((area) => path === area || path.startsWith(`${area}/`));
  return areas.toSorted((a, b) => b.length - a.length)[0];
}

function executorOf(path: string): string | undefined {
  return path.split("/")[1];
}
