import { isKeptName, labelKeys } from "../container/names.ts";
import { parseOwner, stateOf, type Owner } from "../container/owner.ts";
import { limits } from "../defaults.ts";
import type { Policy } from "../policy/policy.ts";

/** One of our containers, as a sweep sees it. */
export interface Candidate {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
  readonly createdMs: number;
  /** Undefined: it has not ended. */
  readonly finishedMs: number | undefined;
}

/**
 * Why a container has nobody left who wants it.
 *
 * @returns undefined: it may still be wanted
 */
export function reasonToRemove(candidate: Candidate, here: Owner, policy: Policy, nowMs: number): string | undefined {
  const { name, labels, state, createdMs, finishedMs } = candidate;
  const owner = stateOf(parseOwner(labels[labelKeys.owner]), here);
  const endedForMs = nowMs - (finishedMs ?? createdMs);
  if (isKeptName(name)) return endedForMs > policy.kept_for ? "was kept for long enough" : undefined;
  if (owner === "alive") return undefined;
  if (state === "running" || state === "paused" || state === "restarting") {
    if (owner === "dead" && labels[labelKeys.onHostLoss] === "stop") return "runs without its host, and was not to";
    const deadline = Date.parse(labels[labelKeys.deadline] ?? "");
    return nowMs > deadline + limits.overdueMs ? "runs past its deadline, and nobody stops it" : undefined;
  }
  return endedForMs > policy.sweep_after ? "has ended, and nobody has come for its result" : undefined;
}
