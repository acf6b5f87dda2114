/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** Between asking a job to stop and forcing it. Key `grace`. */
  graceMs: 10_000,
  /** How long the command of key `on_cancel` may take. Key `on_cancel_timeout`. */
  onCancelTimeoutMs: 5_000,
  /** Exit codes that count as success. Key `success_codes`. */
  successCodes: "0",
  /** Names a job inherits from this executor's environment. Key `inherit_env`. */
  inheritedNames: ["PATH", "HOME", "LANG", "LC_*", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"],
  /** The PATH of a job that has none otherwise. */
  path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
} as const;

/** Limits that no job can change. */
export const limits = {
  /** After the main process has ended: output is read on until nothing comes for this long ... */
  drainQuietMs: 250,
  /** ... or for this long in all. Time in which the reader is too slow does not count. */
  drainMaxMs: 2_000,
  /** From SIGKILL until what is still there is called a survivor. */
  killMs: 5_000,
  /** First wait between two looks at a job that is to end; doubles up to `maxPollMs`. */
  pollMs: 10,
  maxPollMs: 250,
  /** Sweeps in a row that must find nothing. */
  emptySweeps: 2,
  /** Between two measurements of a job whose memory is limited by measuring. */
  memoryPollMs: 250,
  /** Between two measurements of any other job; the first one comes after this long, so short jobs pay nothing. */
  usagePollMs: 2_000,
  /** Until a cgroup that does not become empty is left for later. */
  cgroupRemoveMs: 2_000,
  /** Read of a job's output at once: what a FIFO holds, and what the largest event takes. */
  readBytes: 64 * 1024,
  /** FIFOs made at once; a job takes two. */
  fifoBatch: 32,
  /** FIFOs in stock below which the next batch is made. */
  fifoLowWater: 8,
  /** The same for the pipes of the native supervisor, which cost this process nothing while they are in stock. */
  pipeBatch: 32,
  pipeLowWater: 16,
  /** Arguments and environment of a job, all in all: more than any kernel takes, and less than the native supervisor does. */
  requestBytes: 32 * 1024 * 1024,
  /** File descriptors that are not for jobs: the link to the host, files looked at, FIFOs in stock. */
  reservedDescriptors: 160,
  /** Two outputs, and while it starts its payload or the line to its launcher. */
  descriptorsPerJob: 3,
  /** Making a batch of FIFOs or pipes, looking up an account, probing a tool. */
  helperMs: 10_000,
  /** Largest `env_file`. */
  envFileBytes: 1024 * 1024,
  /** Bytes read from the file of named outputs, and how many of them are kept. */
  outputFileBytes: 64 * 1024,
  outputNames: 100,
  /** Bytes read of what a job says with a heartbeat. */
  heartbeatTextBytes: 16 * 1024,
  /** Between two looks for a heartbeat, at most. */
  heartbeatPollMs: 1_000,
  /** Bytes kept of what a launcher says when it fails. */
  launcherMessageBytes: 4 * 1024,
  /** Processes named in a message, and characters of each command line. */
  namedProcesses: 10,
  commandLineLength: 200,
} as const;
