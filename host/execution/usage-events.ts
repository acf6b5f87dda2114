import type { EventFrame } from "@executor-host/proto/shared/frame";
import { LatestValue } from "@executor-host/proto/shared/latest-value";

/** Part of the time that an attempt has taken, by which usage is told again: a run of weeks leaves some hundred events of it. */
const usageShare = 0.01;

/**
 * Picks those of an attempt's usages that go into the log; the attempt begins now.
 *
 * @param intervalMs shortest time between two of them; 0 means that there are none
 */
export function usageEvents(
  intervalMs: number,
  relay: (frame: EventFrame) => void,
): LatestValue<EventFrame> | undefined {
  if (intervalMs === 0) return undefined;
  const startedAt = performance.now();
  return new LatestValue({
    intervalMs: () => Math.max(intervalMs, (performance.now() - startedAt) * usageShare),
    pass: (frame) => {
      relay(frame);
      return true;
    },
  });
}
