import { chown, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { controllers, enable, type Controller } from "./cgroup-places.ts";

/** Files with which a group below is made, filled and given controllers. Limits of the group itself are not among them. */
const handedOver = ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/**
 * The group of version 2 that one executor process is in, with everything it starts.
 *
 * The process itself is in a group below. So the one above has no processes of its own, and the executor can make groups with limits there, beside its
 * own: that is where the shell executor has those of its jobs.
 */
export class UnifiedGroup {
  readonly directory: string;
  /** Where the process itself is. */
  readonly leaf: string;

  /** Make it, with every controller that works for its parent's. @param root of this host's groups */
  static async create(root: string, name: string): Promise<UnifiedGroup> {
    const group = new UnifiedGroup(join(root, name));
    await mkdir(group.leaf, { recursive: true });
    for (const controller of controllers) await group.enable(controller).catch(ignoreMissing);
    return group;
  }

  private constructor(directory: string) {
    this.directory = directory;
    this.leaf = join(directory, "executor");
  }

  /** Where the host makes its groups. */
  get place(): string {
    return dirname(dirname(this.directory));
  }

  /** Let a controller work for it and for those below. @throws the error of the file system */
  async enable(controller: Controller): Promise<void> {
    await enable(dirname(this.directory), controller);
    await enable(this.directory, controller);
  }

  /** Let the user that the process runs as make groups in it. What limits it itself stays out of that user's hands. */
  async handOver({ uid, gid }: { readonly uid: number; readonly gid: number }): Promise<void> {
    for (const file of handedOver) await chown(join(this.directory, file), uid, gid);
    for (const file of handedOver) await chown(join(this.leaf, file), uid, gid);
  }
}

/** A controller that this machine does not have, or has elsewhere. */
function ignoreMissing(): void {}
