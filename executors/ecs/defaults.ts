/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** Longest time between two looks at a task, and at its logs. Key `poll_interval`. */
  pollIntervalMs: 6_000,
  /** How long logs may still come after the task's end. Key `log_drain`. */
  logDrainMs: 15_000,
  /** How long the service may be unreachable, throttled or failing while a task runs. Key `api_timeout`. */
  apiTimeoutMs: 600_000,
} as const;

/** Limits that no job can change. */
export const limits = {
  /** Time between two status checks of Dkron's executor: what `maxAttempts` counts. */
  dkronPollMs: 6_000,
  /** First wait between two looks; grows to the longest. */
  firstPollMs: 500,
  pollGrowth: 1.5,
  /** Tries of one call, by the client's library. */
  callAttempts: 4,
  connectMs: 10_000,
  requestMs: 60_000,
  /** How long a task that was just started may be unknown to the service. */
  unknownTaskMs: 60_000,
  /** From StopTask to giving up: the service itself kills after the definition's stopTimeout, 120 s at most. */
  stopMs: 150_000,
  /** The same when the host is gone. */
  forcedStopMs: 5_000,
} as const;
