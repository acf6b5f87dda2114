/** Waits and sizes of the SDK, in one place. */
export const timeouts = {
  /** How long small writes are held back to be sent together. */
  coalesceMs: 5,
  /** After this much silence an execution says that it is alive. */
  heartbeatMs: 5_000,
  /** Between two events of usage, at least. */
  usageMs: 1_000,
  /** Grace of a cancel that names none. */
  defaultGraceMs: 10_000,
  /** How long executions may take to return after being forced, when the process ends. */
  settleMs: 10_000,
  /** The same, when it ends by an uncaught exception. */
  crashSettleMs: 1_000,
  /** How long `close` of a definition may take. */
  closeMs: 5_000,
  /** How long one live update to Dkron may take before updates of that execution are given up. */
  statusUpdateMs: 10_000,
  /** How long the last log lines may take to leave before the process ends. */
  flushMs: 500,
} as const;

/** Of a heartbeat limit: heartbeats of the work are sent at most this often, so that one that is late does no harm. */
export const heartbeatShare = 0.25;

export const limits = {
  /** Details of a heartbeat, as JSON. */
  heartbeatDetailsBytes: 64 * 1024,
  /** How many ended executions a process remembers, to answer a late cancel with FINISHED. */
  rememberedExecutions: 1_024,
  /** Dkron stores the last bytes of a job's output only; more is not sent. */
  dkronOutputBytes: 256_000,
  /** Live output on its way to Dkron, per execution, before the job is made to wait. */
  statusBufferBytes: 256 * 1024,
} as const;

/** The waits that decide how one execution behaves; tests shorten them. */
export interface ExecutionTimeouts {
  readonly coalesceMs: number;
  readonly heartbeatMs: number;
  readonly usageMs: number;
  readonly defaultGraceMs: number;
}
