import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartFailure } from "../failure.ts";
import type { Owner } from "./accounts.ts";

/**
 * Put what a job shall read from its standard input into a file that has no name any more.
 *
 * A file and not a pipe: it takes any size at once, whether the job reads it or not; and `/dev/stdin` can be opened by path at any time,
 * which with a socket fails, and with a FIFO whose writer is done waits for ever.
 *
 * @returns the file, open for reading; its owner is the job's user @throws {StartFailure} `TEMPORARY_FILE_FAILED`
 */
export async function openPayload(bytes: Uint8Array, owner: Owner | undefined): Promise<FileHandle> {
  const path = join(tmpdir(), `executor-host-stdin-${randomUUID()}`);
  try {
    await using writer = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await writer.writeFile(bytes);
      if (owner !== undefined) await writer.chown(owner.userId, owner.groupId);
      return await open(path, constants.O_RDONLY);
    } finally {
      await unlink(path);
    }
  } catch (error) {
    throw new StartFailure("TEMPORARY_FILE_FAILED", `cannot write the payload to a file: ${(error as Error).message}`, {
      hint: `the executor needs room in ${tmpdir()}`,
      cause: error,
    });
  }
}
