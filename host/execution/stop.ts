import type { Outcome } from "../model/model.ts";

export type StopKind =
  | "cancel"
  | "queue"
  | "start"
  | "attempt"
  | "total"
  | "no-output"
  | "heartbeat"
  | "drain"
  | "skipped"
  | "replaced";

/** Why an execution is being stopped. The reason of the abort signals in this folder. */
export class StopCause extends Error {
  override readonly name = "StopCause";
  readonly kind: StopKind;
  /** Overrides the execution's grace time. */
  readonly graceMs: number | undefined;

  constructor(kind: StopKind, message: string, graceMs?: number) {
    super(message);
    this.kind = kind;
    this.graceMs = graceMs;
  }

  /** The outcome of an execution stopped for this reason, unless it ended by itself first. */
  get outcome(): Outcome {
    return this.kind === "cancel" || this.kind === "drain" || this.kind === "replaced" ? "CANCELLED" : "TIMED_OUT";
  }

  /** What has not started when this comes never will here; it may elsewhere or later. */
  get comesBeforeStart(): boolean {
    return this.kind === "queue" || this.kind === "start" || this.kind === "drain" || this.kind === "skipped";
  }

  /** Stable cause for programs. */
  get code(): string {
    return codes[this.kind];
  }
}

/** Aborts with a cause after a time, unless it is lifted first. */
export class TimeLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number, cause: StopCause) {
    this.#timer = setTimeout(() => this.#controller.abort(cause), timeoutMs);
  }

  /** The signal, or this limit, whichever comes first. */
  or(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#controller.signal]);
  }

  lift(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.lift();
  }
}

const codes: Readonly<Record<StopKind, string>> = {
  cancel: "CANCELLED",
  queue: "QUEUE_TIMEOUT",
  start: "START_TIMEOUT",
  attempt: "ATTEMPT_TIMEOUT",
  total: "TOTAL_TIMEOUT",
  "no-output": "NO_OUTPUT_TIMEOUT",
  heartbeat: "HEARTBEAT_TIMEOUT",
  drain: "HOST_DRAINING",
  skipped: "SKIPPED",
  replaced: "REPLACED",
};
