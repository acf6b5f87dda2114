import type { Outcome, Result } from "../model/model.ts";
import { formatElapsed } from "../settings/duration.ts";
import { violationLines } from "./report-error.ts";
import { pairs, words } from "./text.ts";

/** How an execution ended, for people. */
export interface Verdict {
  readonly isGood: boolean;
  /** One line: `shell failed after 1.2s: exit code 3`. */
  readonly headline: string;
  /** What is wrong with the config, and what should not be overlooked; one line each. */
  readonly details: readonly string[];
  readonly hint: string;
}

/** What happened, and the word before how long it took, where something ran at all. */
const phrases: Readonly<Record<Outcome, readonly [phrase: string, before?: string]>> = {
  SUCCEEDED: ["succeeded", "in"],
  FAILED: ["failed", "after"],
  TIMED_OUT: ["timed out", "after"],
  CANCELLED: ["was cancelled", "after"],
  OUT_OF_MEMORY: ["ran out of memory", "after"],
  REJECTED: ["was rejected"],
  NOT_STARTED: ["was not started"],
  EXECUTOR_CRASHED: ["lost its executor", "after"],
  LOST: ["was lost"],
};

/**
 * Put a result into words.
 *
 * @param subject what ran, such as the executor's name
 * @param durationMs from acceptance to the end, if that is to be told
 */
export function verdictOf(result: Result, subject: string, durationMs: number | undefined): Verdict {
  const { outcome, evidence, warnings, stop } = result;
  const [phrase, before] = phrases[outcome];
  const took = durationMs === undefined || before === undefined ? "" : ` ${before} ${formatElapsed(durationMs)}`;
  const reason = reasonOf(result);
  const proof = outcome === "SUCCEEDED" && evidence !== undefined ? pairs(evidence) : "";
  const survivors = stop?.survivors.map(({ pid, command }) => `still running: pid ${pid}: ${command}`) ?? [];
  return {
    isGood: outcome === "SUCCEEDED",
    headline: `${subject} ${phrase}${took}${reason === "" ? "" : `: ${reason}`}${proof === "" ? "" : `  ${proof}`}`,
    details: [...violationLines(result), ...survivors, ...warnings.map((warning) => `warning: ${warning}`)],
    hint: result.hint,
  };
}

/** Why it ended so, in one line that does not repeat the outcome; empty for a plain success. */
export function reasonOf({ outcome, message, signal, exitCode }: Result): string {
  const repeated = `${words(outcome)}: `;
  if (message !== "") return message.startsWith(repeated) ? message.slice(repeated.length) : message;
  if (outcome === "SUCCEEDED") return "";
  if (signal !== "") return `ended by ${signal}`;
  return exitCode === undefined ? "" : `exit code ${exitCode}`;
}
