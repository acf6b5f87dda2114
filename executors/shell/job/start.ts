import { setPriority } from "node:os";
import type { Duplex } from "node:stream";
import type { Execution } from "@executor-host/sdk";
import type { ShellConfig } from "../config.ts";
import { openPayload } from "../environment/payload.ts";
import { StartFailure } from "../failure.ts";
import type { JobCgroup } from "../limits/job-cgroup.ts";
import { OutputRelay } from "../output/relay.ts";
import { JobProcess } from "../process/job-process.ts";
import { JobTree } from "../process/job-tree.ts";
import { helpersFor } from "../process/launch-helpers.ts";
import { LauncherLink, type LauncherProblem } from "../process/launcher-link.ts";
import { wrapLaunch } from "../process/launcher.ts";
import type { PreparedJob } from "./prepare.ts";
import type { ShellRuntime } from "../runtime.ts";

/** A job whose main process has been started. */
export interface StartedJob {
  readonly process: JobProcess;
  readonly tree: JobTree;
  readonly relays: readonly OutputRelay[];
  /**
   * Settles when the job's own program runs, or when its launcher, if it needs one, has failed. Never rejects, but may take long: a
   * launcher that opens a FIFO waits for its writer.
   */
  readonly launched: Promise<LauncherProblem | undefined>;
}

/**
 * Start the main process, and connect its output.
 *
 * @throws {StartFailure} nothing of it is left then
 */
export async function startJob(
  execution: Execution<ShellConfig>,
  runtime: ShellRuntime,
  prepared: PreparedJob,
  cgroup: JobCgroup | undefined,
): Promise<StartedJob> {
  const { config } = execution;
  const waitForGo = cgroup !== undefined || config.nice !== undefined;
  const wrapped = wrapLaunch(prepared.launch, { ...prepared.steps, waitForGo }, helpersFor(prepared.env));
  await using stdin = config.payload === undefined ? undefined : await openPayload(config.payload, prepared.owner);
  const [stdout, stderr] = await runtime.fifos.takePair();

  runtime.lifeline.hold(prepared.tag);
  const main = await JobProcess.spawn({
    launch: wrapped ?? prepared.launch,
    argv0: wrapped === undefined ? prepared.argv0 : undefined,
    env: prepared.env,
    cwd: prepared.cwd,
    owner: prepared.owner,
    stdinFd: stdin?.fd,
    stdout,
    stderr,
    launcher: wrapped !== undefined,
  });
  return {
    process: main,
    tree: new JobTree({
      table: runtime.processes,
      leader: main.info,
      tag: prepared.tag,
      alsoPids: () => cgroup?.pids() ?? [],
    }),
    relays: [
      new OutputRelay(main.stdoutFd, execution.stdout, runtime.readMemory),
      new OutputRelay(main.stderrFd, execution.stderr, runtime.readMemory),
    ],
    launched:
      main.launcher === undefined ? Promise.resolve(undefined) : launch(main.launcher, main.pid, config, cgroup),
  };
}

/** Put the launcher where it belongs, and wait until it has handed over to the job's program. @returns what went wrong */
async function launch(
  socket: Duplex,
  pid: number,
  { nice }: ShellConfig,
  cgroup: JobCgroup | undefined,
): Promise<LauncherProblem | undefined> {
  const link = new LauncherLink(socket);
  try {
    await cgroup?.join(pid);
    if (nice !== undefined) setPriority(pid, nice);
    if (cgroup !== undefined || nice !== undefined) link.go();
    return await link.problem;
  } catch (error) {
    return { step: "go", message: (error as Error).message };
  } finally {
    link.close();
  }
}

/** What a failed launcher means to whoever wrote the config. */
export function setupFailure({ step, message }: LauncherProblem, { cwd, stdin_file }: ShellConfig): StartFailure {
  switch (step) {
    case "cwd":
      return new StartFailure("CWD_UNUSABLE", `cannot work in ${cwd}: ${message}`, {
        hint: "the job's user needs permission to go there",
      });
    case "stdin_file":
      return new StartFailure("STDIN_FILE_UNREADABLE", `cannot read ${stdin_file}: ${message}`, {
        hint: "the job's user needs permission to read it",
      });
    case "isolation":
      return new StartFailure("ISOLATION_UNAVAILABLE", `cannot isolate the job: ${message}`, {
        hint: "run the executor as root, or allow user namespaces; or set isolation to session",
      });
    case "limits":
      return new StartFailure("SETUP_FAILED", `cannot set a limit of the job: ${message}`, {
        hint: "everybody can lower a limit, only root can raise one",
      });
    case "go":
      return new StartFailure("SETUP_FAILED", `cannot set up the job: ${message}`, {
        hint: "a nice value below that of the executor needs root",
      });
  }
}
