/**
 * Every wait of the host that is not a setting, in milliseconds, in one place.
 */
export const timeouts = {
  /** Describe, right after an executor's start. */
  describeMs: 10_000,
  /** A unary call to an executor that only computes: Validate, Cancel. */
  quickCallMs: 5_000,
  /** Probe, unless the caller says otherwise. */
  probeMs: 30_000,
  /** Between two health calls to an executor's process. */
  livenessAfterMs: 5_000,
  /** Answer to one, before the process counts as hanging. The setting `executor-hang-timeout`, unless a test says otherwise. */
  livenessMs: 10_000,
  /** After the grace time: from dropping the call until the executor's process is dealt with. */
  abandonMs: 2_000,
  /** For finding what a dead process of an executor has left running: until another one is there, and from then until it has begun to stop it. */
  recallMs: 15_000,
  /** How long neighbours may finish in a process that ignores a cancel, before it is killed. */
  quarantineMs: 30_000,
  /** Graceful stop of an executor process. */
  executorStopMs: 5_000,
  /** Killing what an executor left behind, until it is given up and named. */
  sweepMs: 5_000,
  /** Between two looks at what is still there. */
  sweepIntervalMs: 20,
  /** Until a group of processes is removed whose processes were killed. */
  groupRemoveMs: 500,
  /** A result that cannot be journaled is shown after this, with a warning. */
  journalRetryMs: 5_000,
  /** Between two tries to write it. */
  journalRetryIntervalMs: 500,
  /** First wait after a failed start of an executor; doubles up to the maximum. */
  restartBackoffMs: 200,
  restartBackoffMaxMs: 30_000,
  /** Crashes of an executor count together for this long. */
  crashWindowMs: 60_000,
  /** First pause of an executor that crashes too often; doubles with every trial that crashes, up to the maximum. */
  crashPauseMs: 10_000,
  crashPauseMaxMs: 5 * 60_000,
  /** Between two looks at the age and memory of executor processes. */
  wearIntervalMs: 10_000,
  /** After a change in a plugins directory: until the files are looked at, as more changes mostly follow. */
  pluginsSettleMs: 500,
  /** Between two looks at the plugins directories, where no change is reported. */
  pluginsIntervalMs: 30_000,
  /** Between two looks whether the host's own sockets are still there. */
  socketIntervalMs: 2_000,
  /** At the end of the host: for results on their way to watchers. */
  lastWordsMs: 1_000,
  /** Between two looks for old executions. */
  pruneIntervalMs: 10 * 60_000,
} as const;

/** The table, or another one: tests that wait for a limit have shorter ones. */
export type Timeouts = { readonly [Name in keyof typeof timeouts]: number };
