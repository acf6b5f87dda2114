import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartFailure } from "../failure.ts";
import type { Owner } from "./accounts.ts";

/**
 * Files made for one job, in a directory that only the job's user can enter. Gone with the job.
 */
export class JobFiles implements AsyncDisposable {
  readonly directory: string;
  readonly #owner: Owner | undefined;

  private constructor(directory: string, owner: Owner | undefined) {
    this.directory = directory;
    this.#owner = owner;
  }

  /** @throws {StartFailure} `TEMPORARY_FILE_FAILED` */
  static async create(owner: Owner | undefined): Promise<JobFiles> {
    const directory = await mkdtemp(join(tmpdir(), "executor-host-job-")).catch(fail);
    const files = new JobFiles(directory, owner);
    try {
      await files.#giveAway(directory);
      return files;
    } catch (error) {
      await files[Symbol.asyncDispose]();
      return fail(error);
    }
  }

  /** @returns the path @throws {StartFailure} `TEMPORARY_FILE_FAILED` */
  async add(name: string, content: string, mode: number): Promise<string> {
    const path = join(this.directory, name);
    try {
      await writeFile(path, content, { mode, flag: "wx" });
      await this.#giveAway(path);
      return path;
    } catch (error) {
      return fail(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  async #giveAway(path: string): Promise<void> {
    if (this.#owner !== undefined) await chown(path, this.#owner.userId, this.#owner.groupId);
  }
}

function fail(error: unknown): never {
  throw new StartFailure("TEMPORARY_FILE_FAILED", `cannot write a file for the job: ${(error as Error).message}`, {
    hint: `the executor needs room in ${tmpdir()}`,
    cause: error,
  });
}
