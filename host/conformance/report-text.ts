import { escapeControls } from "../log/escape.ts";
import type { Styler, StyleName } from "../log/style.ts";
import type { CheckResult, ConformanceReport } from "./conformance.ts";
import { groups } from "./checks.ts";
import type { Status } from "./verdict.ts";

const marks: Readonly<Record<Status, readonly [mark: string, style: StyleName]>> = {
  passed: ["✔", "green"],
  failed: ["✖", "red"],
  warned: ["!", "yellow"],
  skipped: ["–", "dim"],
};

/** One result as lines, under the title of its group if that is new. */
export function resultText(result: CheckResult, previousGroup: string | undefined, style: Styler): string {
  const [mark, color] = marks[result.status];
  const title = groups.find(({ id }) => id === result.group)?.title ?? result.group;
  const isQuiet = result.status === "passed" || result.status === "skipped";
  const note = result.status === "skipped" ? style("dim", `: ${escapeControls(result.reason)}`) : "";
  const lines = [`  ${style(color, mark)} ${result.title}  ${style("dim", result.id)}${note}`];
  if (!isQuiet) lines.push(`      ${escapeControls(result.reason)}`);
  if (!isQuiet && result.hint !== "") lines.push(`      ${style("cyan", "hint:")} ${escapeControls(result.hint)}`);
  if (result.group !== previousGroup) lines.unshift(`\n${style("bold", title)}`);
  return lines.join("\n");
}

/** The last line: who it was, and how it came out. */
export function summaryText({ path, name, version, contracts, ok, counts }: ConformanceReport, style: Styler): string {
  const who = name === "" ? path : `${escapeControls(name)} ${escapeControls(version)}`;
  const speaks =
    contracts.length === 0
      ? "speaks no known contract"
      : `speaks ${contracts.map((one) => contractNames[one]).join(" and ")}`;
  const verdict = ok ? style("green", "conforms") : style("red", "does not conform");
  const { passed, failed, warned, skipped } = counts;
  const tally = `${passed} passed, ${failed} failed, ${warned} ${warned === 1 ? "warning" : "warnings"}, ${skipped} skipped`;
  return `\n${style("bold", who)} ${speaks} and ${verdict}: ${tally}`;
}

const contractNames = { native: "the native contract", dkron: "Dkron's" } as const;
