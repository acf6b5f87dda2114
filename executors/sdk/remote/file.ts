import { readFile } from "node:fs/promises";
import { messageOf } from "@executor-host/proto/shared/error";
import { RemoteFailure } from "./failure.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a directory",
};

/**
 * Read a file that a key of the config names.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`
 */
export async function readNamedFile(key: string, path: string, signal?: AbortSignal): Promise<Buffer> {
  try {
    return await readFile(path, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const reason = reasons[String((error as NodeJS.ErrnoException).code)] ?? messageOf(error);
    throw new RemoteFailure(
      "FILE_UNREADABLE",
      { retryability: "PERMANENT" },
      `${key} cannot be read: ${path}: ${reason}`,
      {
        hint: "files are read on the machine and as the user that the executor runs on",
        cause: error,
      },
    );
  }
}
