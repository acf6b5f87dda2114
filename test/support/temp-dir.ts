import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What is left of a socket's 107 bytes for the directory that all is in. */
const longestBase = 40;

/** A private directory with a short path, as the paths of sockets must be. Gone when disposed of. */
export class TempDir implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @param owner id of the user it belongs to; default this one */
  static async create(owner?: number): Promise<TempDir> {
    const path = await mkdtemp(join(tmpdir().length <= longestBase ? tmpdir() : "/tmp", "eh-"));
    if (owner !== undefined) await chown(path, owner, owner);
    return new TempDir(path);
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
