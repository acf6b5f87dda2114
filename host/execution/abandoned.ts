import { ExecuteResponse } from "@executor-host/proto/host";
import { toTimestamp } from "@executor-host/proto/shared/time";
import type { Entry, Journal } from "../journal/journal.ts";
import { resultToProto } from "../model/convert.ts";
import { makeResult, type Execution, type Result } from "../model/model.ts";
import { digestOf } from "./admission.ts";
import { isAdrift } from "./resuming.ts";
import { verdict } from "./verdict.ts";

/** Whether the work of an execution that an earlier host has left can be found again, by its executor and with what the journal knows. */
export function isResumable({ digest, execution }: Entry, journal: Journal): boolean {
  const { spec, state, attempts, resumable = false } = execution;
  // One that was being stopped is better not taken up again. And where the journal has a mask in place of a secret, the digest differs.
  return resumable && state !== "CANCELLING" && isAdrift(attempts) && digestOf(spec, journal.instanceId) === digest;
}

/** Give an execution that an earlier host has left its end: NOT_STARTED if it was only waiting, LOST if it was running. */
export async function closeAbandoned({ number, execution }: Entry, journal: Journal): Promise<void> {
  const result =
    execution.state === "QUEUED"
      ? neverStarted(execution)
      : lostWithHost("what it had started was ended; it may have had an effect");
  const log = (await journal.openLog(execution.spec.id))!;
  await log.recover((sequence) => encodeResult(sequence, execution.attempts.length, result));
  const attempts = execution.attempts.map((attempt) =>
    attempt.result === undefined ? { ...attempt, finishedMs: Date.now(), result } : attempt,
  );
  const ended: Execution = {
    ...execution,
    state: "FINISHED",
    stateReason: "",
    attempts,
    result,
    finishedMs: Date.now(),
    lastSequence: log.lastSequence,
    output: {
      stdoutBytes: log.stdoutBytes + (log.dropped?.stdoutBytes ?? 0),
      stderrBytes: log.stderrBytes + (log.dropped?.stderrBytes ?? 0),
      droppedBytes: (log.dropped?.stdoutBytes ?? 0) + (log.dropped?.stderrBytes ?? 0),
    },
  };
  await journal.update(number, () => ({ execution: ended, log: log.parts }));
}

/** All that is known of an attempt whose host is gone. */
export function lostWithHost(hint: string): Result {
  return makeResult("LOST", {
    message: "the host ended while the execution was running",
    code: "HOST_ENDED",
    hint,
  });
}

function neverStarted({ attempts }: Execution): Result {
  const result = makeResult("NOT_STARTED", {
    message: "the host ended while the execution was waiting",
    code: "HOST_ENDED",
    effect: "NONE",
    retryability: "RETRYABLE",
  });
  return verdict([...attempts.flatMap((attempt) => attempt.result ?? []), result]);
}

function encodeResult(sequence: number, attempt: number, result: Result): Buffer {
  const kind = { $case: "result" as const, value: resultToProto(result) };
  const event = { sequence, time: toTimestamp(Date.now()), attempt, kind };
  return Buffer.from(ExecuteResponse.encode({ events: [event] }).finish());
}
