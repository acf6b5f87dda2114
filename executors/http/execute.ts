import { performance } from "node:perf_hooks";

import { StopRequest, type Execution, type Report } from "@executor-host/sdk";

import { pause } from "./abortable.ts";
import { newRecord, type AttemptRecord, type Services } from "./attempt-record.ts";
import { runAttempt } from "./attempt.ts";
import type { Config } from "./config.ts";
import { effectOf } from "./effect.ts";
import { evidenceOf } from "./evidence.ts";
import { RequestFailure } from "./failure.ts";
import { redactUrl } from "./redact.ts";
import { prepare } from "./request/prepare.ts";
import { mayRepeat, retryDelay } from "./retry/policy.ts";
import { showMs } from "./time-limit.ts";
import { traceOf } from "./trace.ts";

/** Send the job's request, again if need be, and report what came of it. */
export async function execute(execution: Execution<Config>, services: Services, userAgent: string): Promise<Report> {
  const run: HttpRun = { execution, services, userAgent, records: [], phase: "before the request" };
  try {
    execution.signal.throwIfAborted();
    await attemptAll(run);
    return { outcome: "SUCCEEDED", effect: effectOf(run.records), evidence: evidenceOf(run.records) };
  } catch (error) {
    // A request that failed by itself has ended by itself, even if a stop came just then.
    if (error instanceof RequestFailure) return failureReport(error, run);
    if (execution.signal.aborted) return stopReport(execution.signal.reason, run);
    throw error;
  }
}

/** One execution on its way. */
interface HttpRun {
  readonly execution: Execution<Config>;
  readonly services: Services;
  readonly userAgent: string;
  readonly records: AttemptRecord[];
  /** What a stop would interrupt. */
  phase: "before the request" | "during the request" | "between two attempts";
}

async function attemptAll(run: HttpRun): Promise<void> {
  const { execution, services, records } = run;
  const { config, signal } = execution;
  const prepared = await prepare(execution, run.userAgent);
  const trace = traceOf(execution);
  execution.started(`${config.method} ${redactUrl(prepared.request.url)}`);
  for (;;) {
    const record = newRecord(records.length + 1, prepared.request.url);
    records.push(record);
    run.phase = "during the request";
    const willRetry = (failure: RequestFailure): boolean => pauseAfter(execution, record, failure) !== undefined;
    const failure = await measured(record, () =>
      runAttempt({ execution, prepared, services, trace, record, willRetry }),
    );
    if (failure === undefined) return;
    const pauseMs = pauseAfter(execution, record, failure);
    if (pauseMs === undefined) throw failure;
    const next = `attempt ${record.attempt + 1} of ${config.retry_attempts} in ${showMs(Math.round(pauseMs))}: ${failure.message}`;
    trace(`* ${next}`);
    execution.progress({ message: next, details: { attempt: record.attempt, code: failure.code } });
    run.phase = "between two attempts";
    await pause(pauseMs, signal);
  }
}

/** @returns the failure of the request, if that is how it ended */
async function measured(record: AttemptRecord, run: () => Promise<void>): Promise<RequestFailure | undefined> {
  const start = performance.now();
  try {
    await run();
    return undefined;
  } catch (error) {
    if (!(error instanceof RequestFailure)) throw error;
    return error;
  } finally {
    record.durationMs = performance.now() - start;
  }
}

/**
 * Decide, once for each failure, about another attempt.
 *
 * @returns how long to wait for it; undefined when there is none
 */
function pauseAfter(execution: Execution<Config>, record: AttemptRecord, failure: RequestFailure): number | undefined {
  if (record.failure === failure) return record.pauseMs;
  const waitMs = retryDelay(execution.config, {
    attempt: record.attempt,
    failure,
    status: record.response?.status,
    sent: record.sent,
    committed: record.body.output > 0 || record.accepted !== undefined,
  });
  const { deadline } = execution;
  const tooLate = waitMs !== undefined && deadline !== undefined && Date.now() + waitMs >= deadline.getTime();
  record.failure = failure;
  record.pauseMs = tooLate ? undefined : waitMs;
  return record.pauseMs;
}

function failureReport(failure: RequestFailure, { records, execution: { config } }: HttpRun): Report {
  const { code, message, outcome, hint, retryAfterMs } = failure;
  const attempts = records.length > 1 ? ` (attempt ${records.length})` : "";
  const effect = effectOf(records);
  // Hosts take RETRYABLE as leave to do it again. Who asks for another attempt gives that leave.
  const isSafe = effect === "NONE" || mayRepeat(config) || retryAfterMs !== undefined;
  return {
    outcome,
    code,
    message: message + attempts,
    hint,
    retryability: failure.retryability === "RETRYABLE" && !isSafe ? undefined : failure.retryability,
    retryAfterMs,
    effect,
    evidence: evidenceOf(records),
  };
}

function stopReport(reason: unknown, run: HttpRun): Report {
  const { records } = run;
  const effect = effectOf(records);
  const last = records.at(-1);
  const aborts = last?.stopSteps ?? [];
  const phase = last?.accepted === undefined ? run.phase : "while waiting for accepted work";
  return {
    outcome: "CANCELLED",
    code: "CANCELLED",
    message: `stopped ${phase}: ${reason instanceof StopRequest ? reason.reason : "no reason given"}`,
    hint: stopHint(effect, last),
    effect,
    evidence: evidenceOf(records),
    stop: { steps: aborts.length > 0 ? aborts : [{ action: "abort", time: new Date(), detail: phase }], survivors: [] },
  };
}

function stopHint(effect: Report["effect"], last: AttemptRecord | undefined): string | undefined {
  if (last?.accepted !== undefined && last.accepted.cancel === undefined) {
    return "the server goes on with the work; poll.cancel_method says how to stop it";
  }
  return effect === undefined
    ? "the request had been sent; whether the server has acted on it is not known"
    : undefined;
}
