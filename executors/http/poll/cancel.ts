import { StopRequest } from "@executor-host/sdk";

import type { AcceptedWork, Attempt } from "../attempt-record.ts";
import { limits } from "../defaults.ts";
import { messageOf } from "../failure.ts";
import { discard, type JourneyProgress } from "../follow.ts";
import { redactUrl } from "../redact.ts";
import { withoutBody } from "../request/redirect.ts";
import { send } from "../send.ts";
import { limited } from "../time-limit.ts";

/** Ask the server to cancel accepted work, within the stop's grace. Never fails; the attempt's record tells what came of it. */
export async function cancelWork(work: AcceptedWork, attempt: Attempt): Promise<void> {
  const { execution, prepared, record } = attempt;
  if (work.cancel === undefined) return;
  const { url, method } = work.cancel;
  const reason: unknown = execution.signal.reason;
  const graceMs = reason instanceof StopRequest ? reason.graceMs : limits.cancelRequestMs;
  const note = (outcome: string): void => {
    const detail = `${method} ${redactUrl(url)}: ${outcome}`;
    record.stopSteps.push({ action: "cancel-request", time: new Date(), detail });
  };
  if (graceMs <= 0 || execution.forceSignal.aborted) return note("not sent, as there is no grace time");
  using limit = limited(execution.forceSignal, { code: "TIMEOUT_TOTAL", limitMs: graceMs, what: "no answer" });
  const trusted = record.trusted && url.origin === execution.config.url.origin;
  const progress: JourneyProgress = { url, hops: [], trusted, sent: false };
  try {
    const response = await send(attempt, { ...withoutBody(prepared.request, url), method }, progress, limit.signal);
    await discard(response.body);
    note(`status ${response.status}`);
  } catch (error) {
    note(messageOf(error));
  }
}
