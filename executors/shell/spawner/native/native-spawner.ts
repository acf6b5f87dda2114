import { closeSync, constants, openSync } from "node:fs";
import { limits } from "../../defaults.ts";
import { StartFailure } from "../../failure.ts";
import type { ProcessTable } from "../../process/process-table.ts";
import { waitAtMost } from "../../timer.ts";
import type { JobSpawner, JobSpec, RunningJob } from "../job-spawner.ts";
import { findSupervisor } from "./find-supervisor.ts";
import { NativeJob } from "./native-job.ts";
import { SupervisorLink } from "./supervisor-link.ts";

/** Starts jobs through a small program of ours that stays; see supervisor/main.c. */
export class NativeSpawner implements JobSpawner {
  readonly supervisor = "native";
  readonly #path: string;
  readonly #table: ProcessTable;
  #link: SupervisorLink;
  #restarting: Promise<void> | undefined;
  /** Write ends of pipes, by their numbers in the supervisor. */
  #stock: number[] = [];
  #filling: Promise<void> | undefined;

  /** @throws why it cannot be used on this machine */
  static async start(table: ProcessTable): Promise<NativeSpawner> {
    const path = findSupervisor();
    if (path === undefined) throw new Error("it was not built");
    const spawner = new NativeSpawner(path, table, await SupervisorLink.start(path));
    try {
      // Some machines do not let one process look at the files of another.
      const [fd] = await spawner.#takePipes();
      closeSync(spawner.#openReadEnd(fd));
      spawner.#stock.push(fd);
      return spawner;
    } catch (error) {
      await spawner[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(path: string, table: ProcessTable, link: SupervisorLink) {
    this.#path = path;
    this.#table = table;
    this.#link = link;
  }

  async spawn(spec: JobSpec): Promise<RunningJob> {
    const link = this.#link;
    try {
      return await this.#spawn(spec);
    } catch (error) {
      // It may have been killed just now, or have been given up.
      await waitAtMost(limits.pollMs, link.ended);
      if (link.isOpen) throw error;
      return this.#spawn(spec);
    }
  }

  async #spawn(spec: JobSpec): Promise<RunningJob> {
    if (!this.#link.isOpen) await this.#restart();
    const outputs = await this.#takePipes();
    const link = this.#link;
    const opened: number[] = [];
    try {
      for (const fd of outputs) opened.push(this.#openReadEnd(fd));
      const [stdoutFd = -1, stderrFd = -1] = opened;
      return new NativeJob({ link, spec, table: this.#table, stdoutFd, stderrFd, outputs });
    } catch (error) {
      opened.forEach((fd) => closeSync(fd));
      this.#stock.push(...outputs);
      throw error;
    }
  }

  hold(directory: string): void {
    this.#link.send(this.#link.requests.hold(directory));
  }

  release(directory: string): void {
    this.#link.send(this.#link.requests.release(directory));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link.close();
  }

  /** Its jobs are lost, and know it. */
  #restart(): Promise<void> {
    this.#restarting ??= SupervisorLink.start(this.#path)
      .then(
        (link) => {
          this.#link = link;
          this.#stock = [];
        },
        (error: Error) => {
          throw new StartFailure("NO_RESOURCES", `cannot start the supervisor of jobs: ${error.message}`, {
            hint: "it was killed, and does not start again; try again later",
            cause: error,
          });
        },
      )
      .finally(() => {
        this.#restarting = undefined;
      });
    return this.#restarting;
  }

  async #takePipes(): Promise<[number, number]> {
    for (;;) {
      const [first, second] = this.#stock.splice(-2);
      // The next ones are made while this job runs. If that fails, the job that finds none tries again, and hears of it.
      if (this.#stock.length < limits.pipeLowWater && second !== undefined) this.#fill().catch(() => {});
      if (first !== undefined && second !== undefined) return [first, second];
      if (first !== undefined) this.#stock.push(first);
      await this.#fill();
    }
  }

  #fill(): Promise<void> {
    const link = this.#link;
    this.#filling ??= link
      .makePipes(limits.pipeBatch)
      .then(({ fds, errno }) => {
        if (link !== this.#link) return;
        this.#stock.push(...fds);
        if (fds.length < 2)
          throw noPipes(errno === 0 ? "the supervisor was killed, or does not answer" : `error ${errno}`);
      })
      .finally(() => {
        this.#filling = undefined;
      });
    return this.#filling;
  }

  /** @throws {StartFailure} */
  #openReadEnd(fd: number): number {
    try {
      return openSync(`/proc/${this.#link.pid}/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      throw noPipes((error as Error).message, error);
    }
  }
}

function noPipes(reason: string, cause?: unknown): StartFailure {
  return new StartFailure("NO_RESOURCES", `cannot make pipes for the job's output: ${reason}`, {
    hint: "try again later, or raise the limit of open files of the executor",
    cause,
  });
}
