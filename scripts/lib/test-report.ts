import { inspect, styleText } from "node:util";
import type { FileResult } from "./test-file.ts";

const slowestShown = 5;
/** Of what a failed file printed, the last part. */
const outputCharacters = 4_000;

/** One line when a file is done, and one for each failure. */
export function fileLine(result: FileResult): string {
  const { file, durationMs, passed } = result;
  const [failures, skips] = [result.failures.length, result.skips.length];
  const counts = [`${passed} passed`];
  if (failures > 0) counts.push(`${failures} failed`);
  if (skips > 0) counts.push(`${skips} skipped`);
  const word = failures > 0 ? paint("red", "FAIL") : paint("green", "ok  ");
  const titles = result.failures.map(({ title, line }) => `     ${place(file, line)}  ${title}`);
  return [`${word} ${file} ${paint("dim", `(${counts.join(", ")}, ${seconds(durationMs)})`)}`, ...titles].join("\n");
}

/** What there is to say after all files, without the totals. */
export function summary(results: readonly FileResult[]): string {
  return [...slowest(results), ...skipped(results), ...failed(results)].join("\n");
}

function slowest(results: readonly FileResult[]): string[] {
  const files = results.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, slowestShown);
  return ["", paint("bold", "Slowest files"), ...files.map((r) => `  ${seconds(r.durationMs).padStart(7)}  ${r.file}`)];
}

function skipped(results: readonly FileResult[]): string[] {
  const lines = results.flatMap(({ file, skips }) =>
    skips.map(({ title, line, reason }) => `  ${place(file, line)}  ${title}: ${reason}`),
  );
  return lines.length === 0 ? [] : ["", paint("bold", "Skipped"), ...lines];
}

function failed(results: readonly FileResult[]): string[] {
  const unsuccessful = results.filter(({ failures }) => failures.length > 0);
  const blocks = unsuccessful.flatMap(({ file, failures, output }) => [
    ...failures.flatMap(({ title, line, error }) => [
      "",
      `${paint("red", place(file, line))}  ${paint("bold", title)}`,
      indent(describe(error)),
    ]),
    ...(output === "" ? [] : ["", `${file} printed`, indent(output.slice(-outputCharacters).trimEnd())]),
  ]);
  return blocks.length === 0 ? [] : ["", paint("bold", "Failures"), ...blocks];
}

function describe(error: unknown): string {
  if (typeof error === "string") return error;
  if (!(error instanceof Error)) return inspect(error);
  // An error with everything it carries, without the runner's own calls.
  return inspect(error)
    .split("\n")
    .filter((line) => !/^\s+at .*\(?node:internal\//.test(line))
    .join("\n");
}

function place(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

function indent(text: string): string {
  return text.replace(/^/gm, "    ");
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** Plain where colours are unwanted: NO_COLOR, or no terminal. */
function paint(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: process.stdout });
}
