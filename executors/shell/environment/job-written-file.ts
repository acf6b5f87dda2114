import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Neither follow a link to somebody else's file, nor wait for the writer of a FIFO. */
const carefully = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Read the start of a file that a job was given to write to. Never throws: the job may have replaced it by anything, and not being readable is
 * the same as being empty.
 *
 * @param userId whose file it must be
 * @returns whole lines only, if it is larger than `maxBytes`
 */
export async function readJobWrittenFile(
  path: string,
  userId: number,
  maxBytes: number,
): Promise<{ readonly text: string; readonly complete: boolean }> {
  try {
    await using file = await open(path, carefully);
    const stats = await file.stat();
    if (!stats.isFile() || stats.uid !== userId) return { text: "", complete: true };
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
    const end = bytesRead > maxBytes ? buffer.lastIndexOf(0x0a, maxBytes) + 1 : bytesRead;
    return { text: buffer.toString("utf8", 0, end), complete: bytesRead <= maxBytes };
  } catch {
    return { text: "", complete: true };
  }
}
