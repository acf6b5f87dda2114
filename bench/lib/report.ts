import type { Results } from "./rounds.ts";
import { median, short } from "./stats.ts";

/** What a case has to tell. */
export interface Report {
  readonly goals: readonly Goal[];
  /** Markdown. */
  readonly sections: readonly string[];
}

export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly isMet: boolean;
}

export interface Column {
  readonly metric: string;
  readonly title: string;
  /** Adds a column with the ratio to this subject. */
  readonly ratioTo?: string;
}

export function atMost(what: string, limit: number, unit: string, value: number): Goal {
  return {
    what,
    goal: `≤ ${short(limit)} ${unit}`.trimEnd(),
    measured: `${short(value)} ${unit}`.trimEnd(),
    isMet: value <= limit,
  };
}

export function atLeast(what: string, limit: number, unit: string, value: number): Goal {
  return { what, goal: `≥ ${short(limit)} ${unit}`, measured: `${short(value)} ${unit}`, isMet: value >= limit };
}

/** A table of subjects: for each column the median, with least and most, and the ratio to the control. */
export function section(
  title: string,
  results: Results,
  columns: readonly Column[],
  notes: readonly string[] = [],
): string {
  const head = [
    "",
    ...columns.flatMap(({ title: name, ratioTo }) => (ratioTo === undefined ? [name] : [name, "ratio"])),
  ];
  const rows = results.labels.map((label) => [
    label,
    ...columns.flatMap(({ metric, ratioTo }) => {
      const value = spread(results.values(label, metric));
      if (ratioTo === undefined) return [value];
      const ratio = short(results.ratio(label, metric, ratioTo));
      return [value, label === ratioTo ? "control" : ratio === "-" ? "-" : `${ratio}x`];
    }),
  ]);
  return [`### ${title}`, "", ...gridLines([head, ...rows]), "", ...notes, othersNote(results), ""].join("\n");
}

export function goalTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ what, goal, measured, isMet }) => [what, goal, measured, isMet ? "yes" : "**no**"]);
  return gridLines([["", "goal", "measured", "met"], ...rows]).join("\n");
}

/** A markdown table whose columns line up in plain text, too. */
export function gridLines(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(rows[0] ?? []), line(rule), ...rows.slice(1).map(line)];
}

/** `12.3 (11.9–14)`. */
function spread(values: readonly number[]): string {
  if (values.length === 0) return "-";
  const middle = short(median(values));
  return values.length === 1 ? middle : `${middle} (${short(Math.min(...values))}–${short(Math.max(...values))})`;
}

function othersNote({ othersShare }: Results): string {
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return `${othersShare.length} rounds; before each, others used ${percent(median(othersShare))} (${percent(Math.min(...othersShare))}–${percent(Math.max(...othersShare))}) of the machine's CPU time.`;
}
