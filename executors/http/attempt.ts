import type { Execution } from "@executor-host/sdk";

import { takeAnswer } from "./answer.ts";
import type { Attempt } from "./attempt-record.ts";
import type { Config } from "./config.ts";
import type { HttpResponse } from "./exchange.ts";
import { acceptedWork } from "./poll/accept.ts";
import { pollToEnd } from "./poll/poll.ts";
import { send, totalLimit } from "./send.ts";
import { limited } from "./time-limit.ts";

/**
 * Send the request once, follow it to its answer, pass the body on, and check it.
 *
 * @throws {RequestFailure} when it is not the success that the job expects
 * @throws `execution.signal.reason`
 */
export async function runAttempt(attempt: Attempt): Promise<void> {
  const { execution, prepared, record } = attempt;
  {
    using limit = limited(execution.signal, totalLimit(execution.config));
    const response = await send(attempt, prepared.request, record, limit.signal);
    warnAboutTls(execution, response);
    record.accepted = await acceptedWork(response, attempt, limit.signal);
    if (record.accepted === undefined) return await takeAnswer(response, attempt, { signal: limit.signal });
  }
  return await pollToEnd(record.accepted, attempt);
}

function warnAboutTls(execution: Execution<Config>, { connection }: HttpResponse): void {
  if (!execution.config.tlsNoVerifyPeer || connection.tls === undefined) return;
  const { problem } = connection.tls;
  const remark = problem === undefined ? "" : `: ${problem}`;
  execution.warn(`the server's certificate was not verified (tlsNoVerifyPeer)${remark}`);
}
