import {
  byteSize,
  choice,
  custom,
  decimal,
  defineConfig,
  duration,
  FieldError,
  flag,
  integer,
  json,
  array,
  text,
  textList,
  textMap,
  type ConfigOf,
} from "@executor-host/sdk";
import { parseExitCodes } from "./command/exit-codes.ts";
import { parseInterpreter } from "./command/interpreter.ts";
import { defaults } from "./defaults.ts";

const exitCodesSchema = { type: "string", pattern: "^[0-9, -]+$" } as const;

/** The keys of a shell job. The first eight are Dkron's. */
export const config = defineConfig({
  command: text({
    summary:
      "What to run. A program with its arguments: split at blanks, with single quotes, double quotes and backslashes, and nothing expanded. " +
      "With `shell` true, a command for /bin/sh. With `args`, the name or path of a program, taken as it is. " +
      "Without `shell`, an unquoted ; & | < or > is refused; Dkron drops it and all that follows.",
    examples: ["/usr/local/bin/rotate --keep 7"],
  }),
  shell: flag({
    summary: "Have /bin/sh run the command, with variables, pipes and redirections. `args` are then $1, $2 and so on.",
    default: false,
  }),
  env: textMap({
    summary:
      "Environment variables, over the inherited ones. With K=V,K=V, as in Dkron, no value can hold a comma. " +
      "The job also gets JOB_NAME, ENV_JOB_NAME, EXECUTION_ID, EXECUTION_ATTEMPT, EXECUTION_DEADLINE and TRACEPARENT, as far as they are known.",
    examples: ['{"LEVEL":"info","REGIONS":"eu,us"}'],
  }),
  cwd: text({
    summary: "Working directory, absolute. Default: that of the executor.",
    examples: ["/var/lib/app"],
  }),
  su: text({
    summary:
      "User, or user:group, to run as, by name or number; `user` and `group` in one. Needs an executor that runs as root.",
    pattern: /^(?:[^:\s]+(?::[^:\s]+)?)?$/,
    examples: ["www-data", "app:adm"],
  }),
  payload: custom({
    summary:
      "Standard base64 of what the job reads from its standard input; any size. Without it, standard input is empty.",
    schema: { type: "string", contentEncoding: "base64" },
    parse: parseBase64,
    examples: ["aGVsbG8K"],
  }),
  timeout: duration({
    summary: "How long the job may run, as a Go duration; then it is stopped, and ends TIMED_OUT. 0 means no limit.",
    examples: ["15m", "1h30m"],
  }),
  mem_limit: byteSize({
    summary:
      "Memory the job may use, with everything it starts. Over it, the job is stopped and ends OUT_OF_MEMORY. " +
      "Held by a cgroup where one can be made, otherwise by measuring; the result says which.",
    examples: ["256MB", "1.5G"],
  }),

  args: json({
    summary:
      "Arguments, as a JSON array of strings, passed on exactly as they are. `command` is then only the program; or they go to `script`.",
    shape: array(text({ summary: "One argument." })),
    examples: ['["--title","two words"]'],
  }),
  script: text({
    summary:
      "Text of a script, in place of `command`. It runs from a private file that is deleted afterwards: by `interpreter`, " +
      "or as its own first line says when that begins with #!, or by /bin/sh.",
    examples: ["set -e\ndate\nuptime"],
  }),
  interpreter: custom({
    summary:
      "What runs `script`: a JSON array of words, or a command line. The path of the script and `args` are added.",
    schema: { type: "string" },
    parse: parseInterpreter,
    examples: ["python3 -u", '["/usr/bin/env","node"]'],
  }),
  env_file: textList({
    summary:
      "Absolute paths of files with one NAME=value per line, which the job's user can read. Values are taken as they are. `env` wins.",
    examples: ["/etc/app/job.env"],
  }),
  inherit_env: textList({
    summary:
      "Which variables of the executor the job inherits: names, with * at the end for any ending; `all`, as in Dkron; or `none`. PATH is always set.",
    default: defaults.inheritedNames,
    examples: ["PATH,HOME,APP_*", "all"],
  }),
  stdin_file: text({
    summary: "Absolute path of a file the job reads as its standard input.",
    examples: ["/var/spool/app/input.csv"],
  }),
  user: text({
    summary:
      "User to run as, by name or number. HOME, USER, LOGNAME and SHELL become those of the user; supplementary groups are dropped. " +
      "Needs an executor that runs as root.",
    examples: ["www-data"],
  }),
  group: text({
    summary: "Group to run as, by name or number. Default: the primary group of `user`.",
    examples: ["adm"],
  }),
  umask: custom({
    summary: "File mode creation mask, octal.",
    schema: { type: "string", pattern: "^0?[0-7]{1,3}$" },
    parse: parseUmask,
    examples: ["027"],
  }),
  nice: integer({
    summary: "Scheduling priority: 19 yields most. Below that of the executor needs root.",
    minimum: -20,
    maximum: 19,
  }),
  no_new_privs: flag({
    summary: "The job cannot gain privileges through setuid programs such as sudo.",
    default: false,
  }),

  cpu_limit: decimal({
    summary: "CPUs' worth of time the job may use, with everything it starts. Needs cgroups.",
    minimum: 0.01,
    examples: ["0.5"],
  }),
  pids_limit: integer({
    summary: "Processes and threads the job may have at a time. Needs cgroups.",
    minimum: 1,
    examples: ["100"],
  }),
  open_files_limit: integer({ summary: "Files each process of the job may have open (ulimit -n).", minimum: 16 }),
  file_size_limit: byteSize({
    summary: "Size of the largest file a process of the job may write (ulimit -f).",
    examples: ["1GB"],
  }),
  core_size_limit: byteSize({
    summary: "Size of the largest core file a process of the job may leave (ulimit -c).",
    minimum: 0,
  }),
  processes_limit: integer({
    summary: "Processes the job's user may have, in this job or not (ulimit -u). Does not bind root.",
    minimum: 1,
  }),
  cpu_time_limit: duration({
    summary: "CPU time each process of the job may use, in whole seconds (ulimit -t).",
    minimumMs: 1_000,
    examples: ["10m"],
  }),

  success_codes: custom({
    summary: "Exit codes that mean success: codes and ranges. Default: 0.",
    schema: exitCodesSchema,
    parse: parseExitCodes,
    default: parseExitCodes(defaults.successCodes),
    examples: ["0,3,10-12"],
  }),
  skip_codes: custom({
    summary: "Exit codes that mean that there was nothing to do: success, with `skipped` in the evidence.",
    schema: exitCodesSchema,
    parse: parseExitCodes,
    examples: ["99"],
  }),
  retry_codes: custom({
    summary: "Exit codes after which another attempt may help: the failure is marked RETRYABLE.",
    schema: exitCodesSchema,
    parse: parseExitCodes,
    examples: ["75"],
  }),
  permanent_codes: custom({
    summary:
      "Exit codes after which another attempt is of no use: the failure is marked PERMANENT, as 126 and 127 are anyway.",
    schema: exitCodesSchema,
    parse: parseExitCodes,
    examples: ["64-78"],
  }),

  grace: duration({
    summary:
      "Time between asking the job to stop and killing it, when `timeout` ends it. A cancel brings its own; `mem_limit` gives none.",
    default: defaults.graceMs,
    examples: ["30s"],
  }),
  stop_signal: choice({
    summary: "How the job is asked to stop. Goes to the whole process group.",
    values: ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL"],
    default: "SIGTERM",
  }),
  on_cancel: text({
    summary:
      "Command for /bin/sh that runs first when the job is stopped, by a cancel or its `timeout`: as the job's user, in its directory and environment, " +
      "with the pid of its main process in JOB_PID. What it prints goes to the job's standard error. It takes its time out of the grace, " +
      "and with a grace of 0 it does not run.",
    examples: ["/usr/local/bin/checkpoint $JOB_PID"],
  }),
  on_cancel_timeout: duration({
    summary: "How long `on_cancel` may run; then it is killed, and the job is asked to stop.",
    default: defaults.onCancelTimeoutMs,
    minimumMs: 1,
    examples: ["20s"],
  }),
  background: choice({
    summary:
      "What happens to processes that are still in the job's process group, or hold its output, when its main process ends: " +
      "stop them, or keep them, without their output. A daemon that left the group and closed its output is left alone either way, with keep also by a host that starts anew.",
    values: ["stop", "keep"],
    default: "stop",
  }),
  isolation: choice({
    summary:
      "How far the job is kept apart. session: a session and a process group of its own. cgroup: a cgroup as well, in which everything the job starts is found. " +
      "pid-namespace: a pid namespace as well, in which the job sees only itself, and which ends when its main process or the executor does; " +
      "the end of the main process by a signal then shows as exit code 128 + signal.",
    values: ["session", "cgroup", "pid-namespace"],
    default: "session",
  }),
  network: choice({
    summary:
      "Which network the job is in. host: that of this machine. none: one of its own, with nothing but the loopback interface; needs the native supervisor.",
    values: ["host", "none"],
    default: "host",
  }),
  read_only: flag({
    summary:
      "The job can write to no file system, whoever it runs as, except below `writable_paths`. Needs the native supervisor and Linux 5.12.",
    default: false,
  }),
  writable_paths: textList({
    summary:
      "Absolute paths of files and directories that stay writable with `read_only`, as far as permissions go; at most 60. " +
      "The file of `outputs` does so anyway.",
    examples: ["/var/lib/app,/tmp"],
  }),
  outputs: flag({
    summary:
      "Give the job a file, named by EXECUTION_OUTPUT_FILE, whose NAME=value lines become `outputs` in the evidence.",
    default: false,
  }),
});

export type ShellConfig = ConfigOf<typeof config>;

/** As Go's base64.StdEncoding does it: padded, line breaks do not count. */
function parseBase64(value: string): Buffer {
  const compact = value.replaceAll(/[\r\n]/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    throw new FieldError("is not standard base64", "use the alphabet with + and /, and padding");
  }
  return Buffer.from(compact, "base64");
}

function parseUmask(value: string): number {
  if (!/^0?[0-7]{1,3}$/.test(value))
    throw new FieldError(
      `${JSON.stringify(value)} is not a file mode creation mask`,
      "write octal digits, such as 027",
    );
  return Number.parseInt(value, 8);
}
