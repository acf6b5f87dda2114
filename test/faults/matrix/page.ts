import type { FaultRow, Verdict } from "./fault-row.ts";
import { groups } from "./rows.ts";

/** What a row took, in milliseconds. */
export interface Times {
  readonly detectMs: number | undefined;
  readonly recoverMs: number;
}

const introduction = `<!-- Written by scripts/faults. What is below is tested; times are those of one run. -->

# Faults

What becomes of an execution when something breaks under it, row by row, with real processes. Each row is a test, which also makes sure that

- the next execution of that executor succeeds, without anybody's help;
- an execution of another executor, which runs all the while, goes on in its process and succeeds;
- nothing is left behind, while the host still runs: no process, no socket, no temporary file.

\`effect\` says whether the work may have been done: after NONE it is safe to repeat it. _Same process_ is what becomes of other executions in the
process that was struck: they _go on_, or _end alike_. _Seen after_ is the time from the fault until its consequence was with the caller, _next one
after_ the time from there until a next execution had succeeded; where an execution goes on as if nothing were, there is nothing to see. What
stands still without ending is found by a time limit, which is named instead.

`;

const head = [
  "fault",
  "while",
  "outcome",
  "code",
  "effect",
  "retry",
  "same process",
  "seen after",
  "next one after",
  "left",
];

/** docs/faults.md. @param timesOf of a row; undefined for one that was not played */
export function renderPage(timesOf: (row: FaultRow) => Times | undefined): string {
  const sections = Object.entries(groups).map(([name, { title, rows }]) => {
    const lines = rows.map((row) => lineOf(row, timesOf(row)));
    const test = `test/faults/matrix/${name}.test.ts`;
    const rule = head.map(() => "---");
    return [`## ${title}`, "", table([head, rule, ...lines]), "", `Shown by [${test}](../${test}).`, ""].join("\n");
  });
  return introduction + sections.join("\n");
}

/** The page without what differs from run to run. */
export function withoutTimes(page: string): string {
  return page.replaceAll(/(?<=\| )([\d.]+ (ms|s)|–)(?= \|)/g, "–");
}

function lineOf(row: FaultRow, times: Times | undefined): readonly string[] {
  return [
    row.fault,
    row.phase,
    ...verdictCells(row.ends),
    row.siblings ?? "–",
    row.limit ?? duration(times?.detectMs),
    duration(times?.recoverMs),
    "nothing",
  ];
}

function verdictCells(verdict: Verdict | undefined): readonly string[] {
  if (verdict === undefined) return ["none is touched", "–", "–", "–"];
  const { outcome, code, effect, retryability } = verdict;
  return [outcome, code === "" ? "–" : `\`${code}\``, effect, retryability];
}

/** Two digits say enough. */
function duration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  return ms < 1_000 ? `${Number(ms.toPrecision(2))} ms` : `${Number((ms / 1_000).toPrecision(2))} s`;
}

function table(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
