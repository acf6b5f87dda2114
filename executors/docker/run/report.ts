import { constants } from "node:os";

import type { Report, StopReport, StopRequest, Usage } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import type { ContainerFacts } from "../engine/engine.ts";
import type { DockerRun } from "./run.ts";

/** What ended a container: its own end, or the first of the reasons to stop it. */
export type Ending =
  | { readonly kind: "exited" }
  | { readonly kind: "cancelled"; readonly request: StopRequest }
  | { readonly kind: "timed-out" }
  | { readonly kind: "unhealthy"; readonly trouble: string };

export interface Ended {
  readonly ending: Ending;
  readonly exitCode: number;
  /** Undefined: it is gone already. */
  readonly facts: ContainerFacts | undefined;
  readonly stop: StopReport | undefined;
  readonly usage: Usage | undefined;
}

/** Turn what happened to a container into the execution's report. */
export function reportOf({ execution, evidence }: DockerRun, ended: Ended): Report {
  const { exitCode, stop, usage } = ended;
  const signal = signalOf(exitCode);
  return {
    ...verdictOn(ended, execution.config, Number(evidence["engineLosses"] ?? 0)),
    exitCode,
    signal,
    stop,
    usage,
    evidence: { ...evidence, ...stateOf(ended.facts) },
  };
}

type Verdict = Pick<Report, "outcome" | "message" | "hint" | "code" | "retryability" | "effect" | "warnings">;

function verdictOn({ ending, exitCode, facts }: Ended, config: Config, engineLosses: number): Verdict {
  const how = wayOf(exitCode);
  switch (ending.kind) {
    case "cancelled":
      return { outcome: "CANCELLED", message: `stopped: ${ending.request.reason} (${how})`, code: "CANCELLED" };
    case "timed-out":
      return {
        outcome: "TIMED_OUT",
        message: `timed out after ${config.timeout / 1000}s (${how})`,
        hint: "raise timeout if the job needs longer",
        code: "TIMEOUT",
      };
    case "unhealthy":
      return { outcome: "FAILED", message: `the container ${ending.trouble}`, code: "UNHEALTHY" };
    case "exited":
      return verdictOnExit(exitCode, facts?.State.OOMKilled === true, how, engineLosses);
  }
}

function verdictOnExit(exitCode: number, isOutOfMemory: boolean, how: string, engineLosses: number): Verdict {
  if (exitCode === 0) {
    return {
      outcome: "SUCCEEDED",
      effect: "HAPPENED",
      ...(isOutOfMemory && { warnings: ["a process in the container was killed for want of memory"] }),
    };
  }
  if (isOutOfMemory) {
    return {
      outcome: "OUT_OF_MEMORY",
      message: `out of memory (${how})`,
      hint: "raise memory if the job needs more",
      code: "MEMORY_LIMIT",
    };
  }
  if (signalOf(exitCode) === undefined)
    return { outcome: "FAILED", message: how, code: "EXIT_STATUS", hint: exitHints[exitCode] };
  return engineLosses === 0
    ? { outcome: "FAILED", message: how, code: "KILLED_BY_SIGNAL" }
    : {
        outcome: "FAILED",
        message: `${how}; its engine was away meanwhile`,
        hint: "an engine that is stopped stops its containers, unless it runs with live-restore",
        code: "KILLED_BY_SIGNAL",
        retryability: "RETRYABLE",
      };
}

function wayOf(exitCode: number): string {
  const signal = signalOf(exitCode);
  return signal === undefined ? `exit status ${exitCode}` : `exit status ${exitCode}, as of ${signal}`;
}

/** What shells mean by their own exit codes. */
const exitHints: Readonly<Record<number, string>> = {
  126: "a shell says so when it may not execute a file",
  127: "a shell says so when it cannot find a command",
};

/** Engines report a process that a signal ended as 128 and the signal's number. A program can also exit with such a code by itself. */
function signalOf(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}

function stateOf(facts: ContainerFacts | undefined): Record<string, string | boolean> {
  if (facts === undefined) return {};
  const { StartedAt, FinishedAt, OOMKilled } = facts.State;
  return { imageId: facts.Image, startedAt: StartedAt, finishedAt: FinishedAt, oomKilled: OOMKilled };
}
