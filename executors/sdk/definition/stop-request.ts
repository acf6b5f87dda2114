/**
 * Why an execution shall stop, and how long it may take. The `reason` of `execution.signal`, and so what `signal.throwIfAborted()` and
 * aborted calls throw.
 */
export class StopRequest extends Error {
  override readonly name = "AbortError";
  /** For people and logs. */
  readonly reason: string;
  /** How long to wait after asking the target to stop before forcing it, in milliseconds. */
  readonly graceMs: number;

  constructor(reason: string, graceMs: number) {
    super(reason);
    this.reason = reason;
    this.graceMs = graceMs;
  }
}
