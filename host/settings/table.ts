import {
  boolean,
  bytes,
  choice,
  directory,
  duration,
  integer,
  list,
  localAddress,
  optionalDuration,
  variableName,
  type Kind,
} from "./kinds.ts";
import { timeouts } from "../timeouts.ts";
import { perExecutor, sha256Sum } from "./map.ts";
import { isolation, type IsolationSettings } from "./isolation.ts";
import type { LimitSettings, Settings } from "./shape.ts";
import { defaultPluginsDirs, defaultRuntimeDir, defaultStateDir, type Surroundings } from "./surroundings.ts";

/** All settings in one level: `limits.graceMs`. */
export type FlatSettings = Omit<Settings, "limits"> & {
  readonly [K in keyof Required<LimitSettings> as `limits.${K}`]: LimitSettings[K];
};

/** One setting: what drives reading, checking, help and documentation. */
export interface SettingRow<T> {
  /** As in the YAML file; the variable and the flag follow from it. */
  readonly key: string;
  /** Where the flag is not the key: a flag given once per item is named for one item. */
  readonly flag?: string;
  readonly kind: Kind<T>;
  /** @param earlier the settings of the rows above */
  readonly default: (surroundings: Surroundings, earlier: Partial<FlatSettings>) => T;
  /** The default in words, where its value differs from machine to machine. */
  readonly defaultText?: string;
  /** One line, for help. */
  readonly summary: string;
  /** What else an operator should know. */
  readonly details?: string;
}

/** The table. A row's defaults may use the rows above it. */
const settingsTable: { readonly [P in keyof FlatSettings]: SettingRow<FlatSettings[P]> } = {
  pluginsDirs: {
    key: "plugins-dirs",
    flag: "plugins-dir",
    kind: list(directory(), ":"),
    default: defaultPluginsDirs,
    defaultText:
      "of these, the ones that exist: plugins in the install directory, /usr/lib/executor-host/plugins, /etc/executor-host/plugins",
    summary: "Directory with executors; may be given more than once",
    details: "Executors are files named `dkron-executor-NAME`. A name that is there twice is used from neither place.",
  },
  stateDir: {
    key: "state-dir",
    kind: directory(),
    default: defaultStateDir,
    defaultText: "root: /var/lib/executor-host; otherwise executor-host in $XDG_STATE_HOME or ~/.local/state",
    summary: "Directory of the journal, which survives restarts",
    details: "One host per directory: it is locked while a host runs.",
  },
  runtimeDir: {
    key: "runtime-dir",
    kind: directory(),
    default: (surroundings, { stateDir }) => defaultRuntimeDir(surroundings, stateDir ?? ""),
    defaultText: "root: /run/executor-host; otherwise executor-host in $XDG_RUNTIME_DIR, or run in the state directory",
    summary: "Directory of sockets, with mode 0700",
    details: "Keep the path short: a unix socket's path has at most 107 bytes.",
  },
  listen: {
    key: "listen",
    kind: list(localAddress(), ","),
    default: (_, { runtimeDir }) => [`unix:${runtimeDir}/host.sock`],
    defaultText: "unix:RUNTIME-DIR/host.sock",
    summary: "Address for schedulers; may be given more than once",
    details:
      "`unix:/path/to.sock`, `tcp:127.0.0.1:PORT` or `tcp:[::1]:PORT`. Whoever can reach the address can run jobs, so that addresses " +
      "other machines can reach are refused.",
  },
  maxConcurrentExecutions: {
    key: "max-concurrent-executions",
    kind: integer(1),
    default: () => 256,
    summary: "Executions that may run at the same time; more wait in the queue",
  },
  maxConcurrentPerExecutor: {
    key: "max-concurrent-per-executor",
    kind: integer(1),
    default: () => 256,
    summary: "Executions of one executor that may run at the same time",
  },
  maxQueuedExecutions: {
    key: "max-queued-executions",
    kind: integer(0),
    default: () => 10_000,
    summary: "Executions that may wait; more are refused and may be sent again later",
  },
  "limits.queueTimeoutMs": {
    key: "limits.queue-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest wait of an execution for a slot, unless it sets its own",
  },
  "limits.startTimeoutMs": {
    key: "limits.start-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest time from slot to start, unless an execution sets its own",
  },
  "limits.attemptTimeoutMs": {
    key: "limits.attempt-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest attempt, unless an execution sets its own",
  },
  "limits.totalTimeoutMs": {
    key: "limits.total-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest execution with all its attempts, unless it sets its own",
  },
  "limits.noOutputTimeoutMs": {
    key: "limits.no-output-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest silence of a running attempt, unless an execution sets its own",
  },
  "limits.heartbeatTimeoutMs": {
    key: "limits.heartbeat-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest time of a running attempt without a sign of life from its work, unless an execution sets its own",
    details:
      "Signs are heartbeats of the work, output and progress. Holds only for executors whose work can give heartbeats.",
  },
  "limits.maxAttemptTimeoutMs": {
    key: "limits.max-attempt-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest attempt that an execution may ask for, or be given while it runs",
    details: "One that asks for more is refused, one that asks for nothing has this.",
  },
  "limits.maxTotalTimeoutMs": {
    key: "limits.max-total-timeout",
    kind: optionalDuration(),
    default: () => undefined,
    summary: "Longest execution with all its attempts that one may ask for, or be given while it runs",
    details: "One that asks for more is refused, one that asks for nothing has this.",
  },
  "limits.graceMs": {
    key: "limits.grace",
    kind: duration(),
    default: () => 10_000,
    summary: "How long a stop may take before it is forced, unless an execution sets its own",
  },
  drainTimeoutMs: {
    key: "drain-timeout",
    kind: duration(),
    default: () => 60_000,
    summary: "On shutdown, how long running executions may go on before they are stopped",
  },
  executorStartTimeoutMs: {
    key: "executor-start-timeout",
    kind: duration(1),
    default: () => 60_000,
    summary: "How long an executor's process may take to be ready",
  },
  executorHangTimeoutMs: {
    key: "executor-hang-timeout",
    kind: duration(1_000),
    default: () => timeouts.livenessMs,
    summary: "How long an executor's process may leave a health call unanswered before it is killed and replaced",
    details:
      "It is asked every 5 s, with work or without. Time in which the host itself was held up does not count, nor does silence of a process that sends " +
      "events. Its executions end EXECUTOR_CRASHED, with the code EXECUTOR_UNRESPONSIVE.",
  },
  executorIdleStopMs: {
    key: "executor-idle-stop",
    kind: duration(),
    default: () => 900_000,
    summary: "Stop an executor's process that had no work for this long; 0 keeps it",
  },
  executorWarm: {
    key: "executor-warm",
    kind: integer(0),
    default: () => 0,
    summary: "Processes of each executor that are kept ready; without any, the first execution waits for a start",
  },
  executorMaxProcesses: {
    key: "executor-max-processes",
    kind: integer(1),
    default: () => 256,
    summary: "Processes of one executor at the same time",
    details:
      "An executor that can cancel one execution without harming the others shares a process among them; every other one gets a process per execution.",
  },
  executorRecycleAfter: {
    key: "executor-recycle-after",
    kind: integer(0),
    default: () => 0,
    summary: "Executions after which an executor's process is replaced by a fresh one; 0 means never",
  },
  executorMaxAgeMs: {
    key: "executor-max-age",
    kind: duration(),
    default: () => 0,
    summary: "Age at which an executor's process is replaced by a fresh one, when its work is done; 0 means never",
  },
  executorMaxMemoryBytes: {
    key: "executor-max-memory",
    kind: bytes(0),
    default: () => 0,
    summary: "Resident memory from which an executor's process is replaced, when its work is done; 0 means never",
    details: "Looked at every 10 s. Its jobs do not count: they have limits of their own.",
  },
  executorCrashLimit: {
    key: "executor-crash-limit",
    kind: integer(0),
    default: () => 5,
    summary: "Crashes of an executor within a minute from which it is given a pause; 0 means never",
    details:
      "After the pause, which grows, one execution tries whether it works again. Crashes that all come from one named job count as that job's doing: " +
      "it gets a process to itself from then on.",
  },
  executorPins: {
    key: "executor-pins",
    flag: "executor-pin",
    kind: perExecutor(sha256Sum(), { separator: "," }),
    default: () => new Map<string, string>(),
    defaultText: "none",
    summary: "sha256 sum that an executor's file must have; may be given more than once",
    details:
      "Checked on the very file that is then executed, at every start; a file with another sum is not started, and does not replace one that runs. " +
      "`executor-host executors --pins` prints what to write. A pin holds for the file alone: where that is a script, not for what it loads.",
  },
  requirePins: {
    key: "require-pins",
    kind: boolean(),
    default: () => false,
    summary: "Start no executor that has no pin",
  },
  executorIsolation: {
    key: "executor-isolation",
    kind: perExecutor(isolation(), { separator: ";", everyone: "*" }),
    default: () => new Map<string, IsolationSettings>(),
    defaultText: "none",
    summary: "What an executor's processes are kept from; may be given more than once",
    details:
      "`*` stands for every executor; an executor's own entry wins, level by level. An executor is not started when a level cannot be reached on this " +
      "machine: see [isolation](isolation.md).",
  },
  executorEnvironment: {
    key: "executor-environment",
    kind: list(variableName(), ","),
    default: () => ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR"],
    summary: "Variable that executors get from the host's environment; may be given more than once",
    details: "Nothing else is handed down. `*` stands for any characters.",
  },
  autoMtls: {
    key: "auto-mtls",
    kind: boolean(),
    default: () => true,
    summary: "Secure the link to each executor's process with one-time certificates",
    details: "Executors that cannot do so are still used, over a socket only this user can open.",
  },
  maxConfigBytes: {
    key: "max-config-bytes",
    kind: bytes(),
    default: () => 1024 ** 2,
    summary: "Largest config of one execution",
  },
  maxOutputBytes: {
    key: "max-output-bytes",
    kind: bytes(0),
    default: () => 256 * 1024 ** 2,
    summary: "Output of one execution that the journal keeps; of more, the middle is dropped and counted",
  },
  usageIntervalMs: {
    key: "usage-interval",
    kind: duration(),
    default: () => 10_000,
    summary: "How often watchers hear what a running execution consumes, at most; 0 means never",
    details:
      "Only when it has changed, and in a long run ever more rarely: after a hundredth of the time it has taken. `show` has the newest at any time.",
  },
  retentionMs: {
    key: "retention",
    kind: duration(),
    default: () => 7 * 86_400_000,
    summary: "How long finished executions are kept",
  },
  retentionMaxBytes: {
    key: "retention-max-bytes",
    kind: bytes(0),
    default: () => 10 * 1024 ** 3,
    summary: "Size of the journal from which the oldest finished executions are deleted earlier",
  },
  journalSync: {
    key: "journal-sync",
    kind: choice(["normal", "full"]),
    default: () => "normal",
    summary: "What accepted executions survive: a killed host (normal), or also a loss of power (full, slower)",
  },
  logLevel: {
    key: "log-level",
    kind: choice(["debug", "info", "warn", "error"]),
    default: () => "info",
    summary: "Least severe log lines to write",
  },
  logFormat: {
    key: "log-format",
    kind: choice(["text", "json"]),
    default: ({ isTerminal }) => (isTerminal ? "text" : "json"),
    defaultText: "text on a terminal, otherwise json",
    summary: "How log lines are written",
  },
};

/** A row where the type of its value does not matter. */
export type AnySettingRow = SettingRow<unknown> & { readonly property: keyof FlatSettings };

/** The rows in their order. */
export const settingRows: readonly AnySettingRow[] = Object.entries(settingsTable).map(([property, row]) => ({
  ...(row as SettingRow<unknown>),
  property: property as keyof FlatSettings,
}));

/** Every variable of a setting starts with this. */
export const variablePrefix = "EXECUTOR_HOST_";

/** `EXECUTOR_HOST_LIMITS_ATTEMPT_TIMEOUT` for `limits.attempt-timeout`. */
export function variableOf(row: Pick<AnySettingRow, "key">): string {
  return variablePrefix + row.key.toUpperCase().replaceAll(/[-.]/g, "_");
}

/** `--limits-attempt-timeout` for `limits.attempt-timeout`. */
export function flagOf(row: Pick<AnySettingRow, "key" | "flag">): string {
  return `--${row.flag ?? row.key.replaceAll(".", "-")}`;
}
