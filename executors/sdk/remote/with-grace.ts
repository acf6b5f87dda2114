import type { Execution } from "../definition/execution.ts";
import { StopRequest } from "../definition/stop-request.ts";

/** What is left of the grace time for reporting. */
const reportMs = 250;

/**
 * A signal for waiting on what cannot be called back: it aborts when a stop's grace time is over, or at once when that is asked for.
 */
export function withGrace({
  signal,
  forceSignal,
}: Pick<Execution<unknown>, "signal" | "forceSignal">): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onStop = (): void => {
    const graceMs = signal.reason instanceof StopRequest ? signal.reason.graceMs : 0;
    timer = setTimeout(() => controller.abort(signal.reason), Math.max(graceMs - reportMs, graceMs / 2));
  };
  const onForce = (): void => controller.abort(forceSignal.reason);
  if (signal.aborted) onStop();
  else signal.addEventListener("abort", onStop, { once: true });
  if (forceSignal.aborted) onForce();
  else forceSignal.addEventListener("abort", onForce, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onStop);
      forceSignal.removeEventListener("abort", onForce);
    },
  };
}
