import { inspect } from "node:util";
import { CommanderError } from "commander";
import type { HostError } from "@executor-host/proto/shared/error";
import { escapeControls } from "../log/escape.ts";
import { exitCodeOfError, exitCodes } from "./exit-code.ts";
import { InterruptedError } from "./interrupts.ts";
import { OutputClosedError, OutputFailedError, type Output } from "./output.ts";

/** What went wrong, ready to be printed. */
interface Complaint {
  readonly message: string;
  /** One line each. */
  readonly details: readonly string[];
  readonly hint: string;
  readonly exitCode: number;
  /** For programs: a code of the contract's errors, `USAGE` or `OUTPUT_FAILED`. */
  readonly code: string;
  readonly violations: HostError["violations"];
}

export interface ReportOptions {
  /** One JSON object instead of text, for whoever asked for `--json`. */
  readonly json?: boolean;
  /** The stack, too. */
  readonly debug?: boolean;
}

/**
 * Tell on standard error what went wrong: `error:` and `hint:` lines for people, `{"error": {...}}` for programs.
 *
 * @returns the exit code
 */
export async function reportError(
  error: unknown,
  stderr: Output,
  { json = false, debug = false }: ReportOptions,
): Promise<number> {
  const complaint = complaintOf(error);
  if (complaint === undefined) return quietExitCode(error);
  const { code, message, hint, violations, exitCode } = complaint;
  if (debug) await stderr.line(inspect(error, { depth: 4 }));
  if (json) await stderr.json({ error: { code, message, hint, violations, exitCode } });
  else await complain(stderr, complaint);
  return exitCode;
}

/** Write `error:`, details and `hint:` lines. */
export async function complain(
  stderr: Output,
  { message, details, hint }: Pick<Complaint, "message" | "details" | "hint">,
): Promise<void> {
  const lines = [`${stderr.style("red", "error:")} ${indented(message)}`];
  for (const detail of details) lines.push(`  ${indented(detail)}`);
  if (hint !== "") lines.push(`${stderr.style("cyan", "hint:")} ${indented(hint)}`);
  await stderr.line(lines.join("\n"));
}

/** A message of several lines, such as one with the last lines of a log, keeps them. */
export function indented(text: string): string {
  return text.trimEnd().split("\n").map(escapeControls).join("\n  ");
}

function quietExitCode(error: unknown): number {
  if (error instanceof InterruptedError) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode;
  return exitCodes.outputClosed;
}

function complaintOf(error: unknown): Complaint | undefined {
  if (error instanceof OutputClosedError || error instanceof InterruptedError) return undefined;
  if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : usageComplaint(error);
  if (isHostError(error)) {
    const { code, violations } = error;
    return { ...headlineOf(error), details: violationLines(error), exitCode: exitCodeOfError(code), code, violations };
  }
  const plain = { details: [], violations: [] };
  if (error instanceof OutputFailedError) {
    return { ...plain, message: error.message, hint: "", exitCode: exitCodes.outputFailed, code: "OUTPUT_FAILED" };
  }
  return {
    ...plain,
    message: error instanceof Error ? error.message : String(error),
    hint: "this is a mistake in this software; EXECUTOR_HOST_DEBUG=1 shows where",
    exitCode: exitCodes.software,
    code: "INTERNAL",
  };
}

/** Where several things are wrong, each is told in a line of its own, with its hint, and the first of them not twice. */
function headlineOf({ message, hint, violations }: HostError): Pick<Complaint, "message" | "hint"> {
  const [first, second] = violations;
  if (first === undefined || second === undefined || !message.startsWith(`${first.field}: `)) return { message, hint };
  return { message: `${violations.length} things are wrong`, hint: "" };
}

/** What is wrong with which field, one line each; none when the message says it already. */
export function violationLines({ message, violations }: Pick<HostError, "message" | "violations">): readonly string[] {
  const isSaid = violations.length === 1 && message.includes(violations[0]?.message ?? "");
  return isSaid ? [] : violations.map(violationLine);
}

/** `field: message (hint)`. */
export function violationLine({ field, message, hint }: HostError["violations"][number]): string {
  return `${field}: ${message}${hint === "" ? "" : ` (${hint})`}`;
}

/**
 * Commander's `error: unknown option '--jsn'`, then `(Did you mean --json?)` in the next line; or
 * `error: option '--timeout <duration>' argument 'x' is invalid. What would be right`.
 */
function usageComplaint(error: CommanderError): Complaint {
  const [first = "", ...others] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(others.join(" "))?.[1];
  const [, wrong, right] = /^(.* is invalid(?: for argument .*?)?)\. (.*)$/.exec(first) ?? [];
  const hint =
    suggestion === undefined ? (asHint(right) ?? "--help shows what there is") : `did you mean ${suggestion}?`;
  const message = wrong ?? first.replace(/\.$/, "");
  return { message, details: [], hint, exitCode: exitCodes.usage, code: "USAGE", violations: [] };
}

/** As `isHostError`, without loading what its module needs: printing an error must stay cheap. */
function isHostError(error: unknown): error is HostError {
  return error instanceof Error && error.name === "HostError" && "code" in error;
}

/** `Allowed choices are a, b.` as a hint: no capital, no full stop. */
function asHint(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");
}
