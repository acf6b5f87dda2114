import { StopRequest, type Execution } from "@executor-host/sdk";
import type { ShellConfig } from "../config.ts";
import type { StartFailure } from "../failure.ts";
import type { MemoryLimitOwner } from "../limits/job-cgroup.ts";
import type { Ending } from "./report.ts";
import { startTimer } from "../timer.ts";

export interface EndingSources {
  readonly execution: Execution<ShellConfig>;
  readonly exited: Promise<unknown>;
  /** Resolves with a failure when the job's own program could not be started. */
  readonly launched: Promise<StartFailure | undefined>;
  /** Resolves when the job has gone over its memory limit, or has been killed for that of others. */
  readonly outOfMemory: Promise<MemoryLimitOwner>;
}

/** Wait for the first of all that can end a job. There is exactly one, and nothing that comes later changes it. */
export async function firstEnding({ execution, exited, launched, outOfMemory }: EndingSources): Promise<Ending> {
  const { signal, config } = execution;
  const first = Promise.withResolvers<Ending>();
  const cancel = (): void => first.resolve({ kind: "cancelled", request: stopRequestIn(execution) });
  using _timer = config.timeout ? startTimer(() => first.resolve({ kind: "timed-out" }), config.timeout) : undefined;
  void launched.then((failure) => {
    if (failure !== undefined) first.resolve({ kind: "not-launched", failure });
  });
  // What fails to become the job's program also ends; why it failed decides.
  void Promise.all([exited, launched]).then(() => first.resolve({ kind: "exited" }));
  void outOfMemory.then((limitOf) => first.resolve({ kind: "out-of-memory", limitOf }));
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  try {
    return await first.promise;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** Why an execution whose signal has aborted shall stop. */
export function stopRequestIn({ signal, config }: Execution<ShellConfig>): StopRequest {
  const reason: unknown = signal.reason;
  return reason instanceof StopRequest ? reason : new StopRequest(String(reason), config.grace);
}
