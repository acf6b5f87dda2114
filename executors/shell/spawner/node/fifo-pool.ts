import { execFile } from "node:child_process";
import { closeSync, constants, openSync, unlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { limits } from "../../defaults.ts";
import { StartFailure } from "../../failure.ts";

/** Both ends of a pipe that has no name any more. Whoever takes it closes both. */
export interface Fifo {
  /** Does not block. */
  readonly readFd: number;
  /** Blocks, as programs expect of their output. */
  readonly writeFd: number;
}

/**
 * A stock of FIFOs for the outputs of jobs.
 *
 * The pipes that Node makes for a child are sockets, and a socket cannot be opened by path: `echo x > /dev/stdout` would fail in every job.
 * FIFOs can. They are made by one call of mkfifo per batch and lose their names at once, so nothing is left behind even after SIGKILL.
 * None is used twice: a process of an earlier job might still hold it.
 */
export class FifoPool implements AsyncDisposable {
  #stock: Fifo[] = [];
  #filling: Promise<void> | undefined;

  /** Two FIFOs: for standard output and standard error. @throws {StartFailure} `NO_FIFO` */
  async takePair(): Promise<readonly [Fifo, Fifo]> {
    for (;;) {
      const [first, second] = this.#stock.splice(-2);
      // The next batch is made while this job runs. If that fails, the job that finds the stock empty tries again, and hears of it.
      if (this.#stock.length < limits.fifoLowWater && second !== undefined) this.#fill().catch(() => {});
      if (first !== undefined && second !== undefined) return [first, second];
      await this.#fill();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#filling?.catch(() => {});
    closeAll(this.#stock.splice(0));
  }

  #fill(): Promise<void> {
    this.#filling ??= makeFifos(limits.fifoBatch)
      .then((made) => {
        this.#stock.push(...made);
      })
      .finally(() => {
        this.#filling = undefined;
      });
    return this.#filling;
  }
}

/** @throws {StartFailure} `NO_FIFO` */
async function makeFifos(count: number): Promise<Fifo[]> {
  const made: Fifo[] = [];
  let directory: string | undefined;
  try {
    directory = await mkdtemp(join(tmpdir(), "executor-host-fifo-"));
    const paths = Array.from({ length: count }, (_, index) => `${directory}/${index}`);
    await promisify(execFile)("mkfifo", ["-m", "600", ...paths], { timeout: limits.helperMs });
    for (const path of paths) made.push(openFifo(path));
    return made;
  } catch (error) {
    closeAll(made);
    throw new StartFailure(
      "NO_FIFO",
      `cannot make a FIFO in ${tmpdir()} for the job's output: ${(error as Error).message.trim()}`,
      {
        hint: "the executor needs mkfifo in its PATH, a writable TMPDIR and free file descriptors",
        cause: error,
      },
    );
  } finally {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
}

/** Opening the write end of a FIFO waits for a reader, opening a non-blocking read end waits for nobody: so that one comes first. */
function openFifo(path: string): Fifo {
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const writeFd = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
    return { readFd, writeFd };
  } catch (error) {
    closeSync(readFd);
    throw error;
  }
}

/** Close both ends of each. */
export function closeAll(fifos: readonly Fifo[]): void {
  for (const { readFd, writeFd } of fifos) {
    closeSync(readFd);
    closeSync(writeFd);
  }
}
