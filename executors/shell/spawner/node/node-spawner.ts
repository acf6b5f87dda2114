import { StartFailure } from "../../failure.ts";
import type { ProcessTable } from "../../process/process-table.ts";
import type { JobSpawner, JobSpec, RunningJob } from "../job-spawner.ts";
import { spawnFailure } from "../setup-failure.ts";
import { FifoPool } from "./fifo-pool.ts";
import { JobProcess } from "./job-process.ts";
import { helpersFor } from "./launch-helpers.ts";
import { wrapLaunch, type LaunchSteps } from "./launcher.ts";
import { Lifeline } from "./lifeline.ts";
import { NodeJob } from "./node-job.ts";

/** Starts jobs with what Node and the tools of util-linux can do. */
export class NodeSpawner implements JobSpawner {
  readonly supervisor = "none";
  readonly #table: ProcessTable;
  readonly #fifos = new FifoPool();
  readonly #lifeline: Lifeline;

  /** @param tagPrefix what the tags of all jobs begin with */
  constructor(table: ProcessTable, tagPrefix: string) {
    this.#table = table;
    this.#lifeline = new Lifeline(tagPrefix);
  }

  async spawn(spec: JobSpec): Promise<RunningJob> {
    refuseImpossible(spec);
    const { file, args, argv0, env, owner, stdinFd, tag } = spec;
    const program = { file, args };
    const wrapped = wrapLaunch(program, stepsOf(spec), helpersFor(env));
    const [stdout, stderr] = await this.#fifos.takePair();
    this.#lifeline.hold(tag);
    try {
      const main = await JobProcess.spawn({
        launch: wrapped ?? program,
        argv0: wrapped === undefined ? argv0 : undefined,
        env,
        // Somebody else's rights decide where he may go; so he goes there himself.
        cwd: owner === undefined ? spec.cwd : undefined,
        owner,
        stdinFd,
        stdout,
        stderr,
        launcher: wrapped !== undefined,
      });
      const onRelease = (): void => this.#lifeline.release(tag);
      const ends = { stdoutFd: stdout.readFd, stderrFd: stderr.readFd };
      return new NodeJob({ spec, table: this.#table, main, ...ends, onRelease });
    } catch (error) {
      this.#lifeline.release(tag);
      const cause = error as NodeJS.ErrnoException;
      throw spawnFailure(cause.code, spec, cause);
    }
  }

  hold(directory: string): void {
    this.#lifeline.hold(directory);
  }

  release(directory: string): void {
    this.#lifeline.release(directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fifos[Symbol.asyncDispose]();
    this.#lifeline[Symbol.dispose]();
  }
}

/** @throws {StartFailure} */
function refuseImpossible({ isolation }: JobSpec): void {
  const asked = [isolation.noNetwork && "network=none", isolation.writablePaths !== undefined && "read_only"];
  const [first] = asked.filter((one) => one !== false);
  if (first === undefined) return;
  throw new StartFailure("ISOLATION_UNAVAILABLE", `${first} needs the native supervisor, which is not there`, {
    hint: "install a C compiler and build again, or leave the key out",
  });
}

function stepsOf(spec: JobSpec): LaunchSteps {
  const { owner, cwd, stdinFile, umask, resourceLimits, noNewPrivileges, isolation, cgroup, nice } = spec;
  const isRoot = process.getuid?.() === 0;
  return {
    waitForGo: cgroup !== undefined || nice !== undefined,
    cwd: owner === undefined ? undefined : cwd,
    stdinFile,
    umask,
    resourceLimits,
    noNewPrivileges,
    pidNamespace: !isolation.pidNamespace ? undefined : isRoot && owner === undefined ? "plain" : "in-user-namespace",
  };
}
