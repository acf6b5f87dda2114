import { spawn } from "node:child_process";
import { once } from "node:events";
import { appVersions, magicCookie } from "@executor-host/proto/shared/executor-link";
import { variables } from "../../goplugin/protocol/environment.ts";
import { createIdentity } from "../../goplugin/tls/identity.ts";

/** An executor's process that serves, and that nobody has called. */
export interface StartedExecutor extends AsyncDisposable {
  readonly pid: number;
  /** From its spawn to the handshake line, which an executor prints when it serves. */
  readonly elapsedMs: number;
}

/** @param sockets a directory for its socket @param tls AutoMTLS, otherwise plaintext */
export async function startExecutor(executor: string, sockets: string, tls: boolean): Promise<StartedExecutor> {
  const env = {
    [magicCookie.key]: magicCookie.value,
    [variables.protocolVersions]: String(appVersions.native),
    [variables.socketDirectory]: sockets,
    ...(tls && { [variables.clientCertificate]: createIdentity("P-256").certificatePem }),
  };
  const startedMs = performance.now();
  const child = spawn(executor, { stdio: ["ignore", "pipe", "inherit"], env });
  const exited = once(child, "exit");
  const line = await Promise.race([once(child.stdout, "data"), exited.then(() => undefined)]);
  const elapsedMs = performance.now() - startedMs;
  if (line === undefined) throw new Error(`no handshake line from ${executor}`);
  return {
    pid: child.pid ?? 0,
    elapsedMs,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
