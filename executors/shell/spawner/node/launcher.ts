import type { ResourceLimits } from "../job-spawner.ts";
import type { LaunchHelpers } from "./launch-helpers.ts";

/** What has to be done between fork and exec that Node cannot do by itself. */
export interface LaunchSteps {
  /** Don't go on until a line comes on file descriptor 3: by then this executor has put the process where it belongs. */
  readonly waitForGo?: boolean;
  /** Changed to with the rights of the job's user. */
  readonly cwd?: string | undefined;
  /** Opened as standard input with the rights of the job's user. */
  readonly stdinFile?: string | undefined;
  readonly umask?: number | undefined;
  readonly resourceLimits?: ResourceLimits;
  readonly noNewPrivileges?: boolean;
  /** A pid namespace of its own: when its first process ends, or this executor does, the kernel ends all others in it. */
  readonly pidNamespace?: PidNamespaceKind | undefined;
}

/** Names of the steps, as a launcher says them before it takes one. */
export const launchStepNames = ["go", "cwd", "stdin_file", "limits", "isolation"] as const;

export type LaunchStep = (typeof launchStepNames)[number];

/** Root makes a namespace just so; others need a user namespace around it, in which they are the only user. */
export type PidNamespaceKind = "plain" | "in-user-namespace";

/** A program to start: its file, and its arguments without its own name. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
}

/** The socket between this executor and a launcher. The job's own program does not have it. */
export const launcherFd = 3;

/** Exit code of a launcher that did not get to the job's program. */
const launcherFailedCode = 125;

/**
 * Wrap a program in what carries out `steps`: a small shell script, then setpriv and unshare as far as they are needed.
 *
 * All of it runs as the job's user and in the job's environment, so nothing a job brings along ever runs with more rights than the job.
 * What the script has to complain about goes to file descriptor 3, apart from the job's own output.
 *
 * @param helpers asked only for what is needed
 * @returns undefined when there is nothing to do; then the program is started as it is
 */
export function wrapLaunch(program: Launch, steps: LaunchSteps, helpers: LaunchHelpers): Launch | undefined {
  const commands = shellCommands(steps);
  const wrappers = wrapperWords(steps, helpers);
  if (commands.length === 0 && wrappers.length === 0) return undefined;
  const script = [
    "exec 4>&2 2>&3",
    // Said before it is tried: some shells end at once when a redirection fails.
    ...commands.map(([step, command]) => `echo ${step} >&3\n${command} || exit ${launcherFailedCode}`),
    ...(wrappers.length > 0 ? ["echo isolation >&3"] : []),
    ...(steps.pidNamespace === undefined ? [handOver] : []),
    'exec "$@"',
  ].join("\n");
  const [file, ...options] = helpers.shell();
  return { file, args: [...options, "-c", script, "launcher", ...wrappers, program.file, ...program.args] };
}

/** What a launcher says when all that could go wrong has gone well. */
export const launcherDone = "done";

/** From here on, standard error is the job's. */
const handOver = `echo ${launcherDone} >&3\nexec 2>&4 3>&- 4>&-`;

function shellCommands(steps: LaunchSteps): (readonly [LaunchStep, command: string])[] {
  const { waitForGo = false, cwd, stdinFile, umask, resourceLimits = {} } = steps;
  const { openFiles, fileSize, coreSize, processes, cpuSeconds } = resourceLimits;
  const commands: (readonly [LaunchStep, string])[] = [];
  if (waitForGo) commands.push(["go", "read -r go <&3"]);
  if (cwd !== undefined) commands.push(["cwd", `cd ${quote(cwd)}`]);
  if (stdinFile !== undefined) commands.push(["stdin_file", `exec < ${quote(stdinFile)}`]);
  if (openFiles !== undefined) commands.push(["limits", `ulimit -n ${openFiles}`]);
  // POSIX counts these two in blocks of 512 bytes.
  if (fileSize !== undefined) commands.push(["limits", `ulimit -f ${Math.ceil(fileSize / 512)}`]);
  if (coreSize !== undefined) commands.push(["limits", `ulimit -c ${Math.ceil(coreSize / 512)}`]);
  if (processes !== undefined) {
    // bash says -u, dash and busybox say -p, and each refuses the other's.
    commands.push(["limits", `{ ulimit -u ${processes} 2>/dev/null || ulimit -p ${processes}; }`]);
  }
  if (cpuSeconds !== undefined) {
    // One second between the two makes the kernel send SIGXCPU, which names the cause, before SIGKILL, which does not.
    commands.push(["limits", `ulimit -S -t ${cpuSeconds}`], ["limits", `ulimit -H -t ${cpuSeconds + 1}`]);
  }
  if (umask !== undefined) commands.push(["limits", `umask ${umask.toString(8).padStart(3, "0")}`]);
  return commands;
}

function wrapperWords({ noNewPrivileges = false, pidNamespace }: LaunchSteps, helpers: LaunchHelpers): string[] {
  if (!noNewPrivileges && pidNamespace === undefined) return [];
  const privileges = noNewPrivileges ? ["--no-new-privs"] : [];
  if (pidNamespace === undefined) return [helpers.setpriv(), ...privileges, "--"];
  return [
    // setpriv ties unshare to this executor's life, unshare ties the namespace to its own.
    ...[helpers.setpriv(), "--pdeathsig", "KILL", ...privileges, "--"],
    ...[helpers.unshare(), "--fork", "--pid", "--kill-child", "--mount-proc"],
    ...(pidNamespace === "in-user-namespace" ? ["--user", "--map-current-user", "--"] : ["--"]),
    // The first process of a namespace ignores SIGTERM unless it handles it. So that is a shell, and the job's program is its child.
    ...[...helpers.shell(), "-c", `${handOver}\n"$@"\nexit $?`, "init"],
  ];
}

/** A word of a shell script that stands for exactly this text. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
