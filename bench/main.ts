/**
 * Measures what this software costs, beside controls that do the same with less. See README.md.
 *
 * Usage: scripts/bench [--rounds N] [CASE...]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../scripts/lib/root.ts";
import { crash } from "./cases/crash.ts";
import { docker } from "./cases/docker.ts";
import { isolation } from "./cases/isolation.ts";
import { jobs } from "./cases/jobs.ts";
import { kill } from "./cases/kill.ts";
import { neighbours } from "./cases/neighbours.ts";
import { interop } from "./cases/interop.ts";
import { noop } from "./cases/noop.ts";
import { output } from "./cases/output.ts";
import { publish } from "./cases/publish.ts";
import { shell } from "./cases/shell.ts";
import { soak } from "./cases/soak.ts";
import { start } from "./cases/start.ts";
import type { Case } from "./lib/case.ts";
import { machineFacts } from "./lib/machine.ts";
import { preparePrograms } from "./lib/programs.ts";
import { goalTable, type Report } from "./lib/report.ts";

const cases: readonly Case[] = [
  start,
  crash,
  kill,
  neighbours,
  noop,
  interop,
  shell,
  isolation,
  output,
  publish,
  docker,
  jobs,
  soak,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, help: { type: "boolean", short: "h" } },
});
const unknown = positionals.filter((name) => !cases.some((each) => each.name === name));
if (values.help === true || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no such case: ${unknown.join(", ")}`);
  console.log("Usage: scripts/bench [--rounds N] [CASE...]\n\nCases:");
  for (const { name, summary } of cases) console.log(`  ${name.padEnd(10)} ${summary}`);
  process.exit(unknown.length > 0 ? 1 : 0);
}

await using cleanUp = new AsyncDisposableStack();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp.disposeAsync().finally(() => process.exit(130)));
}
const programs = cleanUp.use(await preparePrograms());
const directory = cleanUp.adopt(await mkdtemp(join(tmpdir(), "eh-bench-")), (path) => rm(path, { recursive: true }));
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);

const usual = cases.filter(({ page }) => page === undefined);
const chosen = positionals.length === 0 ? usual : cases.filter(({ name }) => positionals.includes(name));
const reports: Report[] = [];
for (const { name, run } of chosen) {
  process.stderr.write(`${name}\n`);
  reports.push(await run({ programs, directory, rounds }));
}
const text = [
  "# Results",
  "",
  "Written by `scripts/bench`; what the rows mean stands in [README.md](README.md).",
  "",
  machineFacts(root),
  `- cases: ${chosen.map(({ name }) => name).join(", ")}`,
  "",
  goalTable(reports.flatMap(({ goals }) => goals)),
  "",
  ...reports.flatMap(({ sections }) => sections),
].join("\n");
console.log(text);
const page = positionals.length === 0 ? "results.md" : chosen.length === 1 ? chosen[0]?.page : undefined;
if (page !== undefined) await writeFile(join(import.meta.dirname, page), text);
