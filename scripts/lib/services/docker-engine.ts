import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "node:http";

/** What is needed to run one: the engine, its runtime, an init for containers, something to put into images, and a registry. */
export const enginePackages = ["docker.io", "containerd", "runc", "tini", "busybox-static", "docker-registry"] as const;

/** How to start an engine that shares nothing with the system's. */
export interface EngineCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Of its socket. */
  readonly socket: string;
}

/**
 * An engine with its own socket, data, containerd and process id file, that touches neither bridges nor the firewall: its containers have no
 * network but their own loopback, or the machine's.
 *
 * @param root where the packages are unpacked
 * @param directory for all it writes; short, as there are sockets in it
 */
export function engineCommand(root: string, directory: string, flags: readonly string[] = []): EngineCommand {
  const socket = join(directory, "docker.sock");
  const args = [
    ...["--host", `unix://${socket}`, "--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
    ...["--pidfile", join(directory, "docker.pid"), "--bridge=none", "--iptables=false", "--ip6tables=false"],
    ...flags,
  ];
  return { command: join(root, "usr/sbin/dockerd"), args, env: { PATH: enginePath(root) }, socket };
}

/** Programs of the packages first. */
export function enginePath(root: string): string {
  return [join(root, "usr/sbin"), join(root, "usr/bin"), join(root, "bin"), process.env["PATH"]].join(":");
}

/** Whether an engine answers on a socket. */
export function engineAnswers(socketPath: string, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: "/_ping", ...(signal && { signal }), timeout: pingMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

/** @throws {Error} when it has not answered in time */
export async function engineReady(socketPath: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + readyMs;
  while (!(await engineAnswers(socketPath, signal))) {
    if (Date.now() > deadline) throw new Error(`the engine does not answer on ${socketPath}`);
    await sleep(pollMs, undefined, { signal });
  }
}

const pingMs = 2_000;
const readyMs = 60_000;
const pollMs = 100;
