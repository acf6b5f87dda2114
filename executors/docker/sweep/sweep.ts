import type { Logger } from "@executor-host/sdk";

import { labelKeys } from "../container/names.ts";
import type { Owner } from "../container/owner.ts";
import type { ContainerSummary, Engine } from "../engine/engine.ts";
import type { Policy } from "../policy/policy.ts";
import { pause } from "../run/pause.ts";
import { reasonToRemove, type Candidate } from "./judge.ts";

export interface SweepContext {
  readonly engine: Engine;
  readonly policy: Policy;
  readonly owner: Owner;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Whether an execution of this process follows a container. */
  readonly isHeld: (id: string) => boolean;
  /** How long a container that runs without its host is left to the same execution, which may come again. */
  readonly orphanMs: number;
}

/** Look for containers that dead hosts have left on an engine, and remove them, or only say so when that is the policy. */
export async function sweep(context: SweepContext): Promise<void> {
  if (context.policy.sweep === "off") return;
  await sweepThose(context, (state) => state !== "running");
  await pause(context.orphanMs, context.signal);
  await sweepThose(context, (state) => state === "running");
}

async function sweepThose(context: SweepContext, isWanted: (state: string) => boolean): Promise<void> {
  const { engine, policy, owner, signal, log } = context;
  for (const summary of await engine.list([labelKeys.execution], signal)) {
    if (!isWanted(summary.State)) continue;
    const candidate = await candidateOf(engine, summary, signal);
    const reason = candidate && reasonToRemove(candidate, owner, policy, Date.now());
    if (candidate === undefined || reason === undefined || context.isHeld(summary.Id)) continue;
    const fields = { container: candidate.name, execution: candidate.labels[labelKeys.execution], reason };
    if (policy.sweep === "report") log.warn("would remove an abandoned container", fields);
    else {
      await engine.remove(summary.Id, signal);
      log.warn("removed an abandoned container", fields);
    }
  }
}

async function candidateOf(
  engine: Engine,
  { Id }: ContainerSummary,
  signal: AbortSignal,
): Promise<Candidate | undefined> {
  const facts = await engine.inspect(Id, signal);
  if (facts === undefined) return undefined;
  const finishedMs = Date.parse(facts.State.FinishedAt);
  return {
    name: facts.Name.replace(/^\//, ""),
    labels: facts.Config.Labels,
    state: facts.State.Status,
    createdMs: Date.parse(facts.Created),
    // A container that has not ended says that it did in the year 1.
    finishedMs: finishedMs > 0 ? finishedMs : undefined,
  };
}
