import type { IsolationSettings } from "./isolation.ts";

/** Everything an operator can set. Each has a default: no setting is needed to start. */
export interface Settings {
  /** Absolute paths, searched in order. */
  readonly pluginsDirs: readonly string[];
  /** Journal and what must survive a restart. Not created yet. */
  readonly stateDir: string;
  /** Sockets. Not created yet; to be made with mode 0700. */
  readonly runtimeDir: string;
  /** As `parseAddress` reads them; each is reachable from this machine only. */
  readonly listen: readonly string[];
  readonly maxConcurrentExecutions: number;
  readonly maxConcurrentPerExecutor: number;
  readonly maxQueuedExecutions: number;
  /** For executions that set none. Unset means unlimited. */
  readonly limits: LimitSettings;
  readonly drainTimeoutMs: number;
  readonly executorStartTimeoutMs: number;
  readonly executorHangTimeoutMs: number;
  /** 0: never. */
  readonly executorIdleStopMs: number;
  readonly executorWarm: number;
  readonly executorMaxProcesses: number;
  /** 0 means never, also in the next three. */
  readonly executorRecycleAfter: number;
  readonly executorMaxAgeMs: number;
  readonly executorMaxMemoryBytes: number;
  readonly executorCrashLimit: number;
  /** sha256 sums that the files of executors must have, by name. */
  readonly executorPins: ReadonlyMap<string, string>;
  /** Executors without a pin are not started. */
  readonly requirePins: boolean;
  /** By name; `*` for every executor, whose own entry wins level by level. */
  readonly executorIsolation: ReadonlyMap<string, IsolationSettings>;
  /** Names, `*` stands for any characters. */
  readonly executorEnvironment: readonly string[];
  readonly autoMtls: boolean;
  /** Config of one execution, keys and values together. */
  readonly maxConfigBytes: number;
  /** Output of one execution that the journal keeps. */
  readonly maxOutputBytes: number;
  /** 0: no events of usage. */
  readonly usageIntervalMs: number;
  readonly retentionMs: number;
  readonly retentionMaxBytes: number;
  /** `normal` survives a killed host, `full` also a loss of power. */
  readonly journalSync: "normal" | "full";
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly logFormat: "text" | "json";
}

export interface LimitSettings {
  readonly queueTimeoutMs?: number;
  readonly startTimeoutMs?: number;
  readonly attemptTimeoutMs?: number;
  readonly totalTimeoutMs?: number;
  readonly noOutputTimeoutMs?: number;
  /** For executors whose work can give heartbeats. */
  readonly heartbeatTimeoutMs?: number;
  /** The most an execution may have, whatever it asks for. */
  readonly maxAttemptTimeoutMs?: number;
  readonly maxTotalTimeoutMs?: number;
  readonly graceMs: number;
}
