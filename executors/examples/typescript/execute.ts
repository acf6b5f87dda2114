import { createHash, type Hash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Execution, Report } from "@executor-host/sdk";
import type { Config } from "./config.ts";

/** Between two chunks it is looked whether to stop. */
const chunkBytes = 64 * 1024;
const tellMs = 1_000;

/** Read the files and print their digests. */
export async function execute(execution: Execution<Config>): Promise<Report> {
  const { config, started, stdout } = execution;
  const [target = "", ...others] = config.path;
  started(others.length === 0 ? target : `${config.path.length} files`);
  try {
    // All of them before the first is read: what is missing is told at once.
    let total = 0;
    for (const path of config.path) total += await sizeOf(path);

    const reading = new Reading(execution, total);
    let digest = "";
    for (const path of config.path) {
      digest = await reading.digest(path);
      if (!stdout.write(`${digest}  ${path}\n`)) await stdout.drained();
    }

    const found = { algorithm: config.algorithm, files: config.path.length, bytes: reading.done };
    const evidence = others.length === 0 ? { ...found, digest } : found;
    if (config.expect !== undefined && config.expect !== digest) {
      const message = `${target} has the ${config.algorithm} digest ${digest}, not ${config.expect}`;
      return { ...failed("DIGEST_MISMATCH", message, "PERMANENT"), evidence };
    }
    reading.tell();
    return { outcome: "SUCCEEDED", effect: "NONE", evidence };
  } catch (error) {
    if (error instanceof Ended) return error.report;
    throw error;
  }
}

/** Ends an execution early, in an orderly way. */
class Ended extends Error {
  readonly report: Report;

  constructor(report: Report) {
    super(report.message);
    this.report = report;
  }
}

/** How far an execution has come with all of its files. */
class Reading {
  readonly #execution: Execution<Config>;
  readonly #total: number;
  readonly #startedAt = performance.now();
  /** What the last progress said, and when. */
  #told = { done: 0, at: this.#startedAt };
  done = 0;

  constructor(execution: Execution<Config>, total: number) {
    this.#execution = execution;
    this.#total = total;
  }

  /** Read one file to its end. */
  async digest(path: string): Promise<string> {
    const hash = createHash(this.#execution.config.algorithm);
    try {
      await using file = await open(path);
      const chunk = Buffer.alloc(Math.min(chunkBytes, this.#execution.config.maxBytesPerSecond ?? chunkBytes));
      while (await this.#readInto(hash, file, chunk)) await this.#pause();
    } catch (error) {
      throw fileProblem(path, error);
    }
    return hash.digest("hex");
  }

  tell(): void {
    this.#told = { done: this.done, at: performance.now() };
    this.#execution.progress({
      // A file may have grown meanwhile.
      fraction: this.#total === 0 ? 1 : Math.min(1, this.done / this.#total),
      message: `${this.done} of ${this.#total} bytes`,
      details: { bytesDone: this.done, bytesTotal: this.#total },
    });
  }

  /** @returns false at the end of the file */
  async #readInto(hash: Hash, file: Awaited<ReturnType<typeof open>>, chunk: Buffer): Promise<boolean> {
    if (this.#execution.signal.aborted) {
      const message = `stopped after ${this.done} of ${this.#total} bytes`;
      throw new Ended({ outcome: "CANCELLED", code: "CANCELLED", message, effect: "NONE" });
    }
    const { bytesRead } = await file.read(chunk);
    hash.update(chunk.subarray(0, bytesRead));
    this.done += bytesRead;
    const { done, at } = this.#told;
    if ((this.done - done) * 100 >= this.#total && performance.now() - at >= tellMs) this.tell();
    return bytesRead > 0;
  }

  /** Wait until as many bytes may have been read as have been, or until the execution is stopped. */
  async #pause(): Promise<void> {
    const { config, signal } = this.#execution;
    if (config.maxBytesPerSecond === undefined) return;
    const dueAt = this.#startedAt + (this.done / config.maxBytesPerSecond) * 1000;
    await sleep(Math.max(0, dueAt - performance.now()), undefined, { signal }).catch(() => undefined);
  }
}

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path).catch((error: unknown) => {
    throw fileProblem(path, error);
  });
  if (info.isDirectory()) throw new Ended(failed("NOT_A_FILE", `${path} is a directory`, "PERMANENT"));
  if (!info.isFile()) throw new Ended(failed("NOT_A_FILE", `${path} is not a regular file`, "PERMANENT"));
  return info.size;
}

/** Say for people and programs what the system said. */
function fileProblem(path: string, error: unknown): unknown {
  if (!(error instanceof Error && "code" in error)) return error;
  switch (error.code) {
    case "ENOENT":
      return new Ended(failed("FILE_NOT_FOUND", `${path} does not exist`));
    case "EACCES":
    case "EPERM":
      return new Ended({
        ...failed("FILE_NOT_READABLE", `${path} may not be read by this executor`, "PERMANENT"),
        hint: "Run it as a user who may read the file",
      });
    default:
      // Node's own words go on with the call and the path.
      return new Ended(failed("READ_FAILED", `${path} cannot be read: ${error.message.split(", ")[0]}`, "RETRYABLE"));
  }
}

function failed(code: string, message: string, retryability?: Report["retryability"]): Report {
  return { outcome: "FAILED", code, message, retryability, effect: "NONE" };
}
