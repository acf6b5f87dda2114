import type { JsonObject } from "../config/json.ts";
import type { ProgressUpdate } from "../definition/execution.ts";
import type { Report, UsageNow } from "../definition/report.ts";

export type Channel = "stdout" | "stderr";

/** One thing that happened in an execution, as `executor.v1.Event`. */
export type ExecutionEvent = {
  /** 1, 2, 3 ... without gaps. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
} & ExecutionEventKind;

export type ExecutionEventKind =
  | { readonly type: "started"; readonly target: string }
  | OutputEvent
  | ({ readonly type: "progress" } & ProgressUpdate)
  | {
      readonly type: "heartbeat";
      /** The work's own, and not only this process's. */
      readonly fromWork: boolean;
      readonly details?: JsonObject | undefined;
    }
  | ({ readonly type: "usage" } & UsageNow)
  | { readonly type: "result"; readonly report: Report };

export interface OutputEvent {
  readonly type: "output";
  readonly channel: Channel;
  /** Position of the first byte within its channel. */
  readonly offset: number;
  /** At most 64 KiB. Lent until `write` of the sink returns: what shall last longer is copied there. */
  readonly data: Uint8Array;
}

/** Where the events of one execution go: a gRPC stream, Dkron, a test. */
export interface EventSink {
  /**
   * Take one event. Nothing follows a result.
   *
   * @returns false: taken, but call again only after `drained()`
   */
  write(event: ExecutionEvent): boolean;
  /** Resolves when there is room, or when nobody listens any more. Never rejects. */
  drained(): Promise<void>;
}
