import type { Execution } from "../definition/execution.ts";
import { StopRequest } from "../definition/stop-request.ts";

/** Why an execution was asked to stop. */
export function stopRequestOf(signal: AbortSignal): StopRequest {
  const reason: unknown = signal.reason;
  return reason instanceof StopRequest ? reason : new StopRequest(String(reason), 0);
}

/**
 * Nobody asked for the stop: the call was dropped, as when its host has died.
 *
 * @returns false under Dkron's contract, whose executions have no id by which they could be found again
 */
export function isHostLost({ signal, forceSignal, protocol }: Execution<unknown>): boolean {
  return (
    protocol === "native" && forceSignal.aborted && stopRequestOf(signal).reason === stopRequestOf(forceSignal).reason
  );
}
