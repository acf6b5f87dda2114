import { lstat, utimes } from "node:fs/promises";
import type { Execution, JsonObject } from "@executor-host/sdk";
import { limits } from "../defaults.ts";
import { StartFailure } from "../failure.ts";
import type { JobFiles } from "./job-files.ts";
import { readJobWrittenFile } from "./job-written-file.ts";

const untouchedMs = 0;
/** Part of the heartbeat limit between two looks at the file. */
const lookShare = 0.1;

export interface HeartbeatFileOptions {
  readonly execution: Pick<Execution<unknown>, "heartbeat" | "heartbeatTimeoutMs">;
  readonly path: string;
  /** Whose file it must be. */
  readonly userId: number;
}

/**
 * The file by which a job gives signs of life: each time it is touched or written to is one, and its text says how far the job has come.
 *
 * Looked at by its time, as a job may also put another file in its place.
 */
export class HeartbeatFile implements Disposable {
  readonly #options: HeartbeatFileOptions;
  readonly #timer: NodeJS.Timeout;
  #lastMs = untouchedMs;
  #looking: Promise<void> | undefined;

  /** @param options.path of a file made by `addHeartbeatFile` */
  constructor(options: HeartbeatFileOptions) {
    this.#options = options;
    const { heartbeatTimeoutMs = Infinity } = options.execution;
    const everyMs = Math.min(limits.heartbeatPollMs, Math.max(limits.pollMs, heartbeatTimeoutMs * lookShare));
    this.#timer = setInterval(() => void this.look(), everyMs);
  }

  /** Pass on what has come since the last look. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { execution, path, userId } = this.#options;
    const timeMs = await changedMs(path);
    if (timeMs === undefined || timeMs === this.#lastMs) return;
    this.#lastMs = timeMs;
    const { text } = await readJobWrittenFile(path, userId, limits.heartbeatTextBytes);
    const shown = text.trim();
    execution.heartbeat(shown === "" ? undefined : { text: shown });
  }
}

/** Make the file, with a time by which it is known that nobody has touched it. @throws {StartFailure} `TEMPORARY_FILE_FAILED` */
export async function addHeartbeatFile(files: JobFiles): Promise<string> {
  const path = await files.add("heartbeat", "", 0o600);
  await utimes(path, untouchedMs / 1_000, untouchedMs / 1_000).catch((cause: Error) => {
    throw new StartFailure("TEMPORARY_FILE_FAILED", `cannot set the time of ${path}: ${cause.message}`, { cause });
  });
  return path;
}

/** What a job finds of an earlier attempt's last words; undefined when there were none. */
export function lastHeartbeat(details: JsonObject | undefined): string | undefined {
  if (details === undefined) return undefined;
  const { text } = details;
  return typeof text === "string" ? text : JSON.stringify(details);
}

/** When it was last written to or touched; undefined: there is none. */
async function changedMs(path: string): Promise<number | undefined> {
  return lstat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
