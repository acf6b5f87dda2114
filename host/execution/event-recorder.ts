import { ExecuteResponse, type Event } from "@executor-host/proto/host";
import { encodeRecord, parseOutput, type EventFrame } from "@executor-host/proto/shared/frame";
import { toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import type { EventLog } from "../journal/event-log.ts";
import { limitsToProto, resultToProto, stateToProto } from "../model/convert.ts";
import type { Limits, Result, State } from "../model/model.ts";

const stdoutChannel = 1;

/** Numbers the events of one execution, the host's and its executors', and puts them into its log. */
export class EventRecorder {
  /** The attempt that events belong to; 0 before the first. */
  attempt = 0;
  /**
   * Until the execution is accepted, its events are stored together with it; after that, as they come.
   */
  isAccepted = false;
  readonly #log: EventLog;
  #sequence = 0;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Go on after an earlier host. */
  resume(lastSequence: number, attempt: number): void {
    this.#sequence = lastSequence;
    this.attempt = attempt;
    this.isAccepted = true;
  }

  /** Number of the newest event. */
  get lastSequence(): number {
    return this.#sequence;
  }

  state(state: State, reason: string): void {
    this.#add({ $case: "state", value: { state: stateToProto(state), reason } });
  }

  attemptFinished(result: Result, nextAttemptInMs: number): void {
    const value = { result: resultToProto(result), nextAttemptIn: toDuration(nextAttemptInMs) };
    this.#add({ $case: "attemptFinished", value });
  }

  limitsChanged(limits: Limits, reason: string): void {
    this.#add({ $case: "limitsChanged", value: { limits: limitsToProto(limits), reason } });
  }

  /** Watchers see it when the log is finished, and not before. */
  result(result: Result): void {
    this.#add({ $case: "result", value: resultToProto(result) }, true);
  }

  /** An executor's event that is not bulk, as it came. */
  relay(frame: EventFrame): void {
    const record = encodeRecord(++this.#sequence, this.attempt, frame.rest);
    this.#log.append(record, { sequence: this.#sequence, stored: !this.isAccepted });
  }

  /** Output or progress, as it came. */
  relayBulk(frame: EventFrame): void {
    const record = encodeRecord(++this.#sequence, this.attempt, frame.rest);
    const bytes = frame.kind === "output" ? outputBytes(frame) : {};
    this.#log.append(record, { sequence: this.#sequence, ...bytes, bulk: true });
  }

  #add(kind: NonNullable<Event["kind"]>, held = false): void {
    const event: Event = { sequence: ++this.#sequence, time: toTimestamp(Date.now()), attempt: this.attempt, kind };
    const record = [Buffer.from(ExecuteResponse.encode({ events: [event] }).finish())];
    this.#log.append(record, { sequence: this.#sequence, stored: !this.isAccepted }, held);
  }
}

function outputBytes(frame: EventFrame): { stdoutBytes: number } | { stderrBytes: number } {
  const { channel, data } = parseOutput(frame.payload);
  return channel === stdoutChannel ? { stdoutBytes: data.length } : { stderrBytes: data.length };
}
