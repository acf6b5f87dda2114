import { rmSync } from "node:fs";
import { chown, lstat, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { maxSocketPathBytes, type Address } from "../protocol/address.ts";
import type { Owner } from "../transport/bind.ts";

/** What a Go plugin appends: `/plugin` and a random number of up to ten digits. */
const longestSocketName = "/plugin4294967295".length;
const randomSuffix = "XXXXXX".length;

/** A private directory for the sockets of one plugin, both its own and ours. */
export class SocketDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Make one, with mode 0700.
   *
   * @param runtimeDir made when missing
   * @param owner whose it shall be, default this process's user
   * @throws {HostError} `PLUGIN_OPTIONS_INVALID` when socket paths would be too long or the directory cannot be made
   */
  static async create(runtimeDir: string, owner?: Owner): Promise<SocketDirectory> {
    const prefix = join(resolve(runtimeDir), "p-");
    const longest = Buffer.byteLength(prefix) + randomSuffix + longestSocketName;
    if (longest > maxSocketPathBytes) {
      const room = maxSocketPathBytes - (longest - Buffer.byteLength(resolve(runtimeDir)));
      throw new HostError("PLUGIN_OPTIONS_INVALID", `runtimeDir is too long for unix sockets: ${resolve(runtimeDir)}`, {
        hint: `its path may have at most ${room} bytes on this system`,
      });
    }
    try {
      await mkdir(runtimeDir, { recursive: true, mode: 0o700 });
      const made = new SocketDirectory(await mkdtemp(prefix));
      if (owner !== undefined) await made.#giveTo(owner);
      return made;
    } catch (cause) {
      throw new HostError("PLUGIN_OPTIONS_INVALID", `cannot make a directory in runtimeDir: ${messageOf(cause)}`, {
        cause,
        hint: "the host's user needs to write there",
      });
    }
  }

  /** Take over one that another host made. */
  static adopt(path: string): SocketDirectory {
    return new SocketDirectory(path);
  }

  async #giveTo({ uid, gid }: Owner): Promise<void> {
    try {
      await chown(this.path, uid, gid);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Best effort: what a plugin made unremovable stays, for whoever sweeps `runtimeDir`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true }).catch(() => undefined);
  }

  /** The same without waiting, for an exit hook. */
  removeSync(): void {
    try {
      rmSync(this.path, { recursive: true, force: true });
    } catch {
      // As above: an exit hook has nobody to tell.
    }
  }
}

/** A plugin that ignores the socket directory leaves its socket elsewhere when it is killed. Removed only if it is a socket of ours. */
export async function removeLeftSocket(address: Address): Promise<void> {
  if (address.network !== "unix") return;
  const found = await lstat(address.path).catch(() => undefined);
  // Best effort: somebody else's directory may forbid it.
  if (found?.isSocket() && found.uid === process.getuid?.()) await rm(address.path).catch(() => undefined);
}
