import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceContext } from "./service.ts";

const limitMs = 30_000;
const pollMs = 25;

/**
 * Wait until a program that `context.spawn` has started takes connections.
 *
 * @param name of the program, as given to `spawn`
 * @throws {Error} with the end of its log when it does not
 */
export async function waitForPort(name: string, port: number, { directory, signal }: ServiceContext): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    signal.throwIfAborted();
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (Date.now() < deadline) await sleep(pollMs, undefined, { signal });
      else {
        const log = await readFile(join(directory, `${name}.log`), "utf8").catch(() => "");
        throw new Error(`${name} does not listen on port ${port}: ${log.trim().split("\n").slice(-3).join("; ")}`, {
          cause: error,
        });
      }
    } finally {
      socket.destroy();
    }
  }
}
