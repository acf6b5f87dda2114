import { existsSync, statSync } from "node:fs";
import { hostTagVariable, type Execution } from "@executor-host/sdk";
import { findProgram } from "../command/find-program.ts";
import { jobCommand } from "../command/job-command.ts";
import type { ShellConfig } from "../config.ts";
import { defaults } from "../defaults.ts";
import { findAccount, findGroupId, type Account, type Owner } from "../environment/accounts.ts";
import { readEnvFile } from "../environment/env-file.ts";
import { addHeartbeatFile, lastHeartbeat } from "../environment/heartbeat-file.ts";
import { buildEnvironment, identityVariables } from "../environment/job-environment.ts";
import { JobFiles } from "../environment/job-files.ts";
import { StartFailure } from "../failure.ts";
import type { ShellRuntime } from "../runtime.ts";
import type { Isolation, JobSpawner, JobSpec, ResourceLimits } from "../spawner/job-spawner.ts";

/** What a job is made of. */
export type JobRequest = Pick<
  Execution<ShellConfig>,
  "id" | "attempt" | "jobName" | "config" | "deadline" | "heartbeatTimeoutMs" | "heartbeatDetails" | "traceContext"
>;

/** Everything about a job that is known before it starts. */
export interface PreparedJob extends AsyncDisposable {
  readonly spec: JobSpec;
  /** Whom the job's files belong to. */
  readonly userId: number;
  /** Where the job writes its named outputs. */
  readonly outputFile: string | undefined;
  /** Where it gives signs of life, if it has to. */
  readonly heartbeatFile: string | undefined;
}

/**
 * Look up and check everything a job needs, so that what can fail fails before anything has happened.
 *
 * @throws {StartFailure} nothing is left behind then
 */
export async function prepareJob(
  execution: JobRequest,
  runtime: ShellRuntime,
  spawner: JobSpawner,
): Promise<PreparedJob> {
  const { config } = execution;
  const { account, owner } = await findOwner(config);
  const cwd = config.cwd || undefined;
  if (cwd !== undefined) checkDirectory(cwd);
  for (const path of config.writable_paths ?? []) checkThere(path);
  const tag = runtime.nextTag();

  await using cleanup = new AsyncDisposableStack();
  const hasHeartbeats = execution.heartbeatTimeoutMs !== undefined;
  const needsFiles = config.script !== undefined || config.outputs || hasHeartbeats;
  const files = needsFiles ? cleanup.use(await JobFiles.create(owner)) : undefined;
  if (files !== undefined) {
    spawner.hold(files.directory);
    cleanup.defer(() => spawner.release(files.directory));
  }
  const scriptPath = config.script === undefined ? undefined : await files?.add("script", config.script, 0o700);
  const outputFile = config.outputs ? await files?.add("outputs", "", 0o600) : undefined;
  const heartbeatFile = files === undefined || !hasHeartbeats ? undefined : await addHeartbeatFile(files);

  const fromFile: Record<string, string> = {};
  for (const path of config.env_file ?? []) Object.assign(fromFile, await readEnvFile(path, owner));
  const env = buildEnvironment({
    own: runtime.environment,
    inheritedNames: config.inherit_env.includes("all") ? undefined : config.inherit_env,
    account,
    identity: {
      ...identityVariables({ ...execution, deadline: jobDeadline(execution) }),
      PWD: cwd,
      EXECUTION_OUTPUT_FILE: outputFile,
      EXECUTION_HEARTBEAT_FILE: heartbeatFile,
      EXECUTION_LAST_HEARTBEAT: lastHeartbeat(execution.heartbeatDetails),
    },
    fromFile,
    fromJob: config.env ?? {},
    tag,
    // What a job is told to leave behind shall outlive its host as well.
    hostTag: config.background === "keep" ? undefined : runtime.environment[hostTagVariable],
  });

  const { program, args } = jobCommand(config, scriptPath);
  const file = findProgram(program, env["PATH"] ?? defaults.path, cwd ?? "");
  const kept = cleanup.move();
  return {
    spec: {
      file,
      args,
      argv0: program,
      env,
      cwd,
      owner,
      stdinFile: config.stdin_file || undefined,
      umask: config.umask,
      nice: config.nice,
      resourceLimits: resourceLimits(config),
      noNewPrivileges: config.no_new_privs,
      isolation: isolation(config, files),
      tag,
    },
    userId: owner?.userId ?? process.getuid?.() ?? 0,
    outputFile,
    heartbeatFile,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function resourceLimits(config: ShellConfig): ResourceLimits {
  return {
    openFiles: config.open_files_limit,
    fileSize: config.file_size_limit,
    coreSize: config.core_size_limit,
    processes: config.processes_limit,
    cpuSeconds: config.cpu_time_limit === undefined ? undefined : Math.ceil(config.cpu_time_limit / 1_000),
  };
}

function isolation(config: ShellConfig, files: JobFiles | undefined): Isolation {
  const { read_only, writable_paths = [] } = config;
  const own = files === undefined ? [] : [files.directory];
  return {
    pidNamespace: config.isolation === "pid-namespace",
    noNetwork: config.network === "none",
    writablePaths: read_only ? [...writable_paths, ...own] : undefined,
  };
}

/** @returns the account named by the config, and the owner if that is somebody else than this executor @throws {StartFailure} */
async function findOwner(config: ShellConfig): Promise<{ account: Account | undefined; owner: Owner | undefined }> {
  const [suUser, suGroup] = (config.su ?? "").split(":");
  const user = config.user || suUser || undefined;
  const group = config.group || suGroup || undefined;
  if (user === undefined && group === undefined) return { account: undefined, owner: undefined };
  const ownUserId = process.getuid?.();
  const ownGroupId = process.getgid?.();
  const account = user === undefined ? undefined : await findAccount(user);
  if (user !== undefined && account === undefined)
    throw new StartFailure("USER_UNKNOWN", `there is no user ${JSON.stringify(user)} on this machine`);
  const userId = account?.userId ?? ownUserId;
  const groupId = group === undefined ? account?.groupId : await findGroupId(group);
  if (groupId === undefined)
    throw new StartFailure("GROUP_UNKNOWN", `there is no group ${JSON.stringify(group)} on this machine`);
  if (userId === undefined) throw new StartFailure("PLATFORM_UNSUPPORTED", "this system has no users to run a job as");
  if (userId === ownUserId && groupId === ownGroupId) return { account, owner: undefined };
  if (ownUserId !== 0) {
    const target = [user !== undefined && `user ${user}`, group !== undefined && `group ${group}`].filter(Boolean);
    throw new StartFailure(
      "USER_CHANGE_REFUSED",
      `cannot run as ${target.join(", ")}: the executor does not run as root`,
      {
        hint: "leave out su, user and group, or run the executor as root",
      },
    );
  }
  return { account, owner: { userId, groupId } };
}

/** @throws {StartFailure} `SETUP_FAILED` */
function checkThere(path: string): void {
  if (existsSync(path)) return;
  throw new StartFailure("SETUP_FAILED", `cannot keep ${path} writable: there is no such file or directory`, {
    hint: "make it, or leave it out of writable_paths",
  });
}

/** @throws {StartFailure} `CWD_UNUSABLE` */
function checkDirectory(path: string): void {
  let problem: string | undefined;
  try {
    if (!statSync(path).isDirectory()) problem = "it is not a directory";
  } catch (error) {
    problem =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such directory" : (error as Error).message;
  }
  if (problem !== undefined) throw new StartFailure("CWD_UNUSABLE", `cannot work in ${path}: ${problem}`);
}

/** The earlier of the host's deadline and the job's own timeout. */
function jobDeadline({ deadline, config }: JobRequest): Date | undefined {
  if (!config.timeout) return deadline;
  const own = new Date(Date.now() + config.timeout);
  return deadline !== undefined && deadline < own ? deadline : own;
}
