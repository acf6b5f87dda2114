import { createReadStream } from "node:fs";
import { messageOf } from "@executor-host/proto/shared/error";
import { RemoteFailure } from "./failure.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a directory",
};

/** Largest file that a job may name: it is held in memory, beside the files of other executions. */
const maxBytes = 256 * 1024 * 1024;
/** Most messages in a file: reading so many takes half a second, in which the process serves nobody else. */
const maxLines = 100_000;
const newline = 10;
/** Read at a time. */
const chunkBytes = 1024 * 1024;

/**
 * Read a file that a key of the config names: 256 MiB at most.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`
 */
export async function readNamedFile(key: string, path: string, signal?: AbortSignal): Promise<Buffer> {
  try {
    return await readAll(path, signal);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = reasons[String((error as NodeJS.ErrnoException).code)] ?? messageOf(error);
    throw unreadable(key, path, reason, error);
  }
}

/**
 * Read a file of messages, one on each line: a hundred thousand at most.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`
 */
export async function readNamedLines(key: string, path: string, signal?: AbortSignal): Promise<string> {
  const content = await readNamedFile(key, path, signal);
  let lines = 0;
  for (let at = content.indexOf(newline); at >= 0; at = content.indexOf(newline, at + 1)) {
    if (++lines > maxLines) throw unreadable(key, path, `has more than ${maxLines} lines`);
  }
  return content.toString();
}

function unreadable(key: string, path: string, reason: string, cause?: unknown): RemoteFailure {
  return new RemoteFailure(
    "FILE_UNREADABLE",
    { retryability: "PERMANENT" },
    `${key} cannot be read: ${path}: ${reason}`,
    { hint: "files are read on the machine and as the user that the executor runs on", cause },
  );
}

/** What is no regular file, such as a pipe or a device, has no size to look at first. */
async function readAll(path: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes, ...(signal && { signal }) })) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > maxBytes) throw new Error(`is larger than ${maxBytes / 1024 / 1024} MiB`);
  }
  return Buffer.concat(chunks, bytes);
}
