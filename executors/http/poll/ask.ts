import { nowhere, readBody, takeAnswer } from "../answer.ts";
import type { AcceptedWork, Attempt } from "../attempt-record.ts";
import type { Config } from "../config.ts";
import type { HttpResponse } from "../exchange.ts";
import { holds } from "../expect/expectations.ts";
import { RequestFailure } from "../failure.ts";
import { discard, type JourneyProgress } from "../follow.ts";
import { withoutBody } from "../request/redirect.ts";
import { emptyCount } from "../response/relay.ts";
import { retryAfterMs } from "../retry/retry-after.ts";
import { send, totalLimit } from "../send.ts";
import { limited } from "../time-limit.ts";
import { parseDocument } from "./accept.ts";

export type Poll = NonNullable<Config["poll"]>;

/** The work is not done yet. */
export interface Pending {
  /** How we know, for people. */
  readonly message: string;
  /** The question itself went wrong; it may go well next time. */
  readonly failed: boolean;
  /** The server's wish, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

export interface AskOptions {
  readonly poll: Poll;
  readonly signal: AbortSignal;
  /** Put up with a question that goes wrong. */
  readonly patient: boolean;
}

/**
 * Ask once. If the work is done, its response becomes the answer.
 *
 * @throws {RequestFailure} when the work is done and has failed, or cannot be asked about
 */
export async function ask(work: AcceptedWork, attempt: Attempt, options: AskOptions): Promise<Pending | "done"> {
  const { execution, prepared, record } = attempt;
  const { config } = execution;
  const { poll, patient } = options;
  using limit = limited(options.signal, totalLimit(config));
  const { signal } = limit;
  work.questions++;
  const trusted = record.trusted && work.url.origin === config.url.origin;
  const progress: JourneyProgress = { url: work.url, hops: [], trusted, sent: true };
  let response: HttpResponse;
  try {
    response = await send(attempt, withoutBody(prepared.request, work.url), progress, signal);
  } catch (error) {
    if (!patient || options.signal.aborted || !(error instanceof RequestFailure)) throw error;
    if (error.retryability !== "RETRYABLE") throw error;
    return { message: `asking failed: ${error.message}`, failed: true, retryAfterMs: undefined };
  }
  const wish = retryAfterMs(response.headers["retry-after"]?.[0]);
  const { status } = response;
  const expected = config.expectCode.includes(status);
  const failed = patient && !expected && config.retry_statuses.includes(status);
  if (failed || poll.pending.includes(status)) {
    await discard(response.body);
    return { message: `not done yet: status ${status}`, failed, retryAfterMs: wish };
  }
  record.url = progress.url;
  record.trusted = progress.trusted;
  record.body = emptyCount();
  if (!expected || (poll.until === undefined && poll.failed === undefined)) {
    await takeAnswer(response, attempt, { signal });
    return "done";
  }
  // Whether this body is the last one, and so output, shows only when it has been read.
  const body = (await readBody(response, attempt, { output: nowhere, keep: true, signal })) ?? Buffer.alloc(0);
  const document = parseDocument(body);
  const failure = poll.failed?.find((expectation) => holds(expectation, document));
  if (failure === undefined && poll.until?.every((expectation) => holds(expectation, document)) === false) {
    return { message: "not done yet", failed: false, retryAfterMs: wish };
  }
  await takeAnswer(response, attempt, { signal, body });
  if (failure === undefined) return "done";
  throw new RequestFailure("WORK_FAILED", `the work has failed: ${failure.text} is ${JSON.stringify(failure.value)}`);
}
