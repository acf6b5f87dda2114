import type { Report } from "../definition/report.ts";
import type { ExecutionEvent } from "../runtime/event.ts";

/** What an execution did. */
export interface Run {
  readonly report: Report;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Both channels, in the order of arrival. */
  readonly output: Buffer;
  readonly events: readonly ExecutionEvent[];
}
