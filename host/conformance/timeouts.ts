/** Waits of the conformance kit, in milliseconds. */
export const timeouts = {
  /** For one step: a start, an answer, the end of a run. */
  stepMs: 20_000,
  /** For a process to end when it is asked to; a host kills after as long. */
  endMs: 5_000,
  /** Silence of a running execution after which a host gets nervous. */
  silenceMs: 10_000,
  /** For something to happen that should not. */
  settleMs: 200,
  /** How long a run is watched that should go on. */
  watchMs: 1_500,
  /** How long the callback is announced too late. */
  announceDelayMs: 500,
  /** How long a slow consumer reads nothing. */
  pauseMs: 1_500,
  /** Grace of every cancel. */
  graceMs: 2_000,
  /** Between two looks at something that sends no event. */
  pollMs: 20,
} as const;

/** The table, or another one: tests wait less long for what does not come. */
export type Timeouts = { readonly [Name in keyof typeof timeouts]: number };

/** Sizes of the conformance kit. */
export const limits = {
  /** What is read of a plugin's stdout until its first line must have ended. */
  lineBytes: 64 * 1024,
  /** What is kept of stderr. */
  stderrBytes: 8 * 1024,
  /** What is kept of what a process logs and prints. */
  keptLines: 1_000,
  /** Executions at once, if the executor takes as many. */
  concurrentExecutions: 8,
  /** Executions before descriptors and processes are counted, and between the two counts. */
  warmUpExecutions: 10,
  quickExecutions: 80,
  /** Growth from here on is a leak: one that counts grows with every execution, a pool does not. */
  leakedPerExecution: 0.5,
  /** Output below which a slow reader is not noticed: buffers on the way take as much. */
  floodBytes: 8 * 1024 * 1024,
  /** Memory that may be gained while output is not read. */
  pausedGrowthBytes: 256 * 1024 * 1024,
  /** The value in a big config. */
  bigValueBytes: 1024 * 1024,
  /** Output kept of each channel of an execution, to compare it; more is only counted. */
  keptOutputBytes: 64 * 1024,
} as const;
