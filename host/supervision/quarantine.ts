import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../log/logger.ts";
import type { Survivor } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import type { Member } from "./member.ts";

/**
 * End a process of which one execution ignores every request to stop: at once if it does not answer at all, otherwise when its other executions are
 * done or have had their time. It gets no new work from now on.
 *
 * @returns what could not be killed, when all else is gone
 */
export async function quarantine(
  member: Member,
  { timeouts, logger }: { readonly timeouts: Timeouts; readonly logger: Logger },
): Promise<readonly Survivor[]> {
  member.stubborn += 1;
  const { process } = member;
  logger.warn("executor process is quarantined: it ignores a cancel", {
    pid: process.pid,
    neighbours: process.active - member.stubborn,
  });
  const deadline = performance.now() + timeouts.quarantineMs;
  while (
    process.active > member.stubborn &&
    performance.now() < deadline &&
    !process.hasExited &&
    (await process.isAlive())
  ) {
    await sleep(timeouts.sweepIntervalMs);
  }
  return (await process.kill()).survivors;
}
