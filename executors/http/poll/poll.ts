import { pause } from "../abortable.ts";
import type { AcceptedWork, Attempt } from "../attempt-record.ts";
import { limits } from "../defaults.ts";
import { limited } from "../time-limit.ts";
import { ask } from "./ask.ts";
import { cancelWork } from "./cancel.ts";

/**
 * Ask about accepted work until it is done, and take the last response as the answer.
 *
 * When the execution is stopped, or the work takes too long, the server is asked to cancel it, if the job says how.
 *
 * @throws {RequestFailure} `TIMEOUT_POLL`, `WORK_FAILED`, and what every answer may fail with
 * @throws `execution.signal.reason`
 */
export async function pollToEnd(work: AcceptedWork, attempt: Attempt): Promise<void> {
  const { execution, record } = attempt;
  const { poll } = execution.config;
  if (poll === undefined) return;
  const what = "accepted work was not done";
  using limit = limited(execution.signal, { code: "TIMEOUT_POLL", limitMs: poll.timeout ?? 0, what });
  const { signal } = limit;
  try {
    let waitMs = work.retryAfterMs ?? poll.interval;
    let failures = 0;
    for (;;) {
      await pause(waitMs, signal);
      const answer = await ask(work, attempt, { poll, signal, patient: failures < limits.pollFailures });
      if (answer === "done") return;
      failures = answer.failed ? failures + 1 : 0;
      waitMs = answer.retryAfterMs ?? poll.interval;
      execution.progress({ message: answer.message, details: { questions: work.questions } });
    }
  } catch (error) {
    if (signal.aborted) {
      record.stopSteps.push({ action: "abort", time: new Date(), detail: "while waiting for accepted work" });
      await cancelWork(work, attempt);
    }
    throw error;
  }
}
