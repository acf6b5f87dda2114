/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** Getting an image, all layers. Key `pull_timeout`. */
  pullTimeoutMs: 600_000,
  /** Silence of the engine while it gets an image. Key `pull_idle_timeout`. */
  pullIdleTimeoutMs: 120_000,
  /** How long a running container's engine may be gone before the container is given up. Key `engine_timeout`. */
  engineTimeoutMs: 120_000,
  /** Time between two looks at what a container uses. Key `usage_interval`. */
  usageIntervalMs: 5_000,
} as const;

/** Limits that no job can change. */
export const limits = {
  /** An answer of the engine to a question, or to a short order. */
  answerMs: 60_000,
  /** Connecting and saying who it is. */
  connectMs: 10_000,
  /** First wait before an engine that is gone is asked again; doubles from there. */
  reconnectMs: 100,
  maxReconnectMs: 2_000,
  /** From asking a container to stop to SIGKILL, when nobody says how long. */
  stopGraceMs: 10_000,
  /** From SIGKILL to giving up on a container. */
  killMs: 15_000,
  /** How long whoever receives the output may take nothing before the live connection to the container is given up for the log. */
  stallMs: 250,
  /** From a container's end to the end of its output, while nothing comes. */
  outputEndMs: 10_000,
  /** From the end of its output to its own end, before the output counts as cut off. */
  exitLagMs: 1_000,
  /** Removing a container. */
  removeMs: 30_000,
  /** First look at what a container uses. */
  firstUsageMs: 1_000,
  /** Between two looks at a container's health. */
  healthMs: 250,
  /** Between two reports of how far a pull is. */
  pullProgressMs: 1_000,
  /** A container that was created and not started for so long was left by a host that died on the way. */
  staleCreateMs: 60_000,
  /** Between two looks at a container that another host is about to start. */
  startPollMs: 200,
  /** How often a container of the same name may come and go while one is being made. */
  claims: 25,
  /** A container that runs without its host is left for so long to the same execution, which may come again. */
  orphanMs: 60_000,
  /** A credential helper's answer. */
  credentialHelperMs: 30_000,
  /** A container that ran past its deadline by so much has nobody left who would stop it. */
  overdueMs: 600_000,
} as const;
