import { createHash, timingSafeEqual } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { HostError, messageOf } from "@executor-host/proto/shared/error";

/**
 * Open a file and check what is in it.
 *
 * The file stays open: who executes the descriptor executes what was checked, even when the path means another file by then.
 *
 * @throws {HostError} `PLUGIN_CHECKSUM_MISMATCH`, or `PLUGIN_SPAWN_FAILED` when the file cannot be read
 */
export async function openVerified(path: string, sha256Hex: string): Promise<FileHandle> {
  const file = await open(path).catch((cause: unknown) => {
    throw new HostError("PLUGIN_SPAWN_FAILED", `cannot read ${path} to check its checksum: ${messageOf(cause)}`, {
      cause,
    });
  });
  try {
    const hash = createHash("sha256");
    for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) hash.update(chunk);
    const actual = hash.digest();
    if (!timingSafeEqual(actual, Buffer.from(sha256Hex, "hex"))) {
      throw new HostError(
        "PLUGIN_CHECKSUM_MISMATCH",
        `checksum of ${path} is sha256 ${actual.toString("hex")}, not ${sha256Hex.toLowerCase()}`,
        {
          hint: "pin the new checksum if the file was replaced on purpose",
        },
      );
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
