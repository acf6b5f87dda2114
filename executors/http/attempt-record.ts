import type { Execution, StopReport } from "@executor-host/sdk";

import type { TokenCache } from "./auth/token-cache.ts";
import type { Config } from "./config.ts";
import type { ConnectionPool } from "./connection/pool.ts";
import type { HttpResponse } from "./exchange.ts";
import type { RequestFailure } from "./failure.ts";
import type { JourneyProgress } from "./follow.ts";
import type { Prepared } from "./request/prepare.ts";
import { emptyCount, type BodyCount } from "./response/relay.ts";
import type { Trace } from "./trace.ts";

/** What is kept from one execution to the next. */
export interface Services {
  readonly pool: ConnectionPool;
  readonly tokens: TokenCache;
}

/** One attempt on its way. */
export interface Attempt {
  readonly execution: Execution<Config>;
  readonly prepared: Prepared;
  readonly services: Services;
  readonly trace: Trace;
  readonly record: AttemptRecord;
  /** Will a failure at this point be followed by another attempt? Then its body is nobody's output. */
  readonly willRetry: (failure: RequestFailure) => boolean;
}

/** Work that a server has taken on, to be asked about. */
export interface AcceptedWork {
  /** Where to ask. */
  readonly url: URL;
  /** What to call to stop it. */
  readonly cancel: { readonly url: URL; readonly method: string } | undefined;
  /** How long to wait before the first question, if the server said so. */
  readonly retryAfterMs: number | undefined;
  /** Questions asked so far. */
  questions: number;
}

/** What happened in one attempt, as far as it came. */
export interface AttemptRecord extends JourneyProgress {
  /** Starts at 1. */
  readonly attempt: number;
  readonly startedAt: Date;
  durationMs: number;
  /** The last response that counted: the answer, or the 202 of accepted work. */
  response: HttpResponse | undefined;
  /** Its status is what the job expects. */
  expected: boolean;
  body: BodyCount;
  accepted: AcceptedWork | undefined;
  /** What was done to stop accepted work. */
  readonly stopSteps: StopReport["steps"][number][];
  failure: RequestFailure | undefined;
  /** The wait for the attempt that follows; undefined when none does. */
  pauseMs: number | undefined;
}

export function newRecord(attempt: number, url: URL): AttemptRecord {
  return {
    attempt,
    startedAt: new Date(),
    durationMs: 0,
    url,
    hops: [],
    trusted: true,
    sent: false,
    response: undefined,
    expected: false,
    body: emptyCount(),
    accepted: undefined,
    stopSteps: [],
    failure: undefined,
    pauseMs: undefined,
  };
}
