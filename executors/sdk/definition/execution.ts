import type { JsonObject } from "../config/json.ts";
import type { Logger } from "./logger.ts";
import type { UsageNow } from "./report.ts";

/** One execution, as its executor sees it. */
export interface Execution<C> {
  /** The host's id; the idempotency key for a target that knows such a thing. Made up under Dkron's contract. */
  readonly id: string;
  /** Starts at 1. */
  readonly attempt: number;
  /** The scheduler's name of the job; may be empty. */
  readonly jobName: string;
  readonly config: C;
  /** When the host will stop this attempt, as things stand: the host may move it. For passing on to the target. */
  readonly deadline: Date | undefined;
  /** Aborts at `deadline`, wherever the host has moved it to. For work that ends by itself then, and tells what it knows. */
  readonly deadlineSignal: AbortSignal;
  /**
   * The target was told of `deadline` as it is now, and keeps to it until this is disposed of: meanwhile, whoever gives the execution more time
   * is warned that it may end too early.
   */
  readonly deadlineTold: () => Disposable;
  /** The work must give a sign of life (output, progress, `heartbeat`) at least this often, or the host stops it. Undefined: no such limit. */
  readonly heartbeatTimeoutMs: number | undefined;
  /** What an earlier attempt last gave to `heartbeat`: from where this one may go on. */
  readonly heartbeatDetails: JsonObject | undefined;
  /** Free-form labels, for passing on to the target. */
  readonly labels: Readonly<Record<string, string>>;
  /** W3C trace context (`traceparent`, `tracestate`), for passing on to the target. */
  readonly traceContext: Readonly<Record<string, string>>;
  /** For decisions of compatibility only. */
  readonly protocol: Protocol;
  /**
   * Aborts when the execution shall stop; `signal.reason` is a StopRequest. Ask the target to stop, wait up to `graceMs`, then force.
   *
   * Has aborted from the start when a process died over stopping this execution, which only executors that are `idempotent` come to see: find the
   * work, stop it, and begin none.
   */
  readonly signal: AbortSignal;
  /** Aborts when it must stop at once: the call was dropped, the host is gone, the process ends. Never before `signal`. */
  readonly forceSignal: AbortSignal;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /**
   * The work has begun: from now on it may have an effect. Counts once; sent by itself before the first output or progress.
   *
   * @param target what is being run, for people: a pid, a container id, a URL without credentials
   */
  readonly started: (target: string) => void;
  readonly progress: (progress: ProgressUpdate) => void;
  /**
   * The work is alive. Call it from the work itself, as often as you like: only so many are sent as the limit needs, and none of them by a timer
   * of yours that would go on while the work hangs. Executors that call it say so in their capabilities.
   *
   * @param details how far it has come; kept, and handed to the next attempt as `heartbeatDetails`. Without any, the last ones stand
   * @throws {RangeError} when they are larger than 64 KiB
   */
  readonly heartbeat: (details?: JsonObject) => void;
  /** What the work consumes now. What has not changed is not sent, nor more than one a second. The final usage belongs into the report. */
  readonly usage: (usage: UsageNow) => void;
  /** A remark for the result, such as a limit that could not be enforced. */
  readonly warn: (message: string) => void;
  readonly log: Logger;
}

/** The contract by which an execution came: the host's own, or Dkron's. */
export type Protocol = "native" | "dkron";

export interface ProgressUpdate {
  /** 0 to 1. */
  readonly fraction?: number | undefined;
  readonly message?: string | undefined;
  /** For programs. */
  readonly details?: JsonObject | undefined;
}

/** One channel of an execution's output. Bytes arrive exactly as written, and in order across both channels. */
export interface OutputStream {
  /**
   * Write bytes, or text as UTF-8. Small writes are put together. The bytes are the caller's again when this returns.
   *
   * @returns false: wait for `drained()` before writing more, or memory fills up
   */
  readonly write: (data: Uint8Array | string) => boolean;
  /** Resolves when there is room again, and also when the execution is over. Never rejects. */
  readonly drained: () => Promise<void>;
}
