import { connect as connectHttp2 } from "node:http2";
import { connect as connectSocket } from "node:net";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { formatAddress, maxSocketPathBytes, type Address } from "../settings/address.ts";

/** The address as gRPC names it. */
export function targetOf(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  if (address.host.includes(":")) return `ipv6:[${address.host}]:${address.port}`;
  return `dns:${address.host}:${address.port}`;
}

/**
 * See whether a host answers, on a connection of its own.
 *
 * gRPC cannot be asked: it does not tell why it could not connect, tries again for ever, and keeps the socket of a peer that never
 * answers when the channel is closed (`@grpc/grpc-js` 1.14.7, `Http2SubchannelConnector.shutdown`).
 *
 * @throws {HostError} `HOST_UNREACHABLE` with the reason
 * @throws `signal.reason` if aborted
 */
export async function knock(address: Address, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  const socket = connectSocket(
    address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port },
  );
  const session = connectHttp2("http://localhost", { createConnection: () => socket });
  const limit = AbortSignal.timeout(timeoutMs);
  const answered = Promise.withResolvers<void>();
  const giveUp = (): void => answered.reject(signal?.aborted === true ? signal.reason : limit.reason);
  session.once("remoteSettings", () => answered.resolve());
  session.on("error", answered.reject);
  session.once("close", () => answered.reject(new Error("the connection was closed")));
  limit.addEventListener("abort", giveUp);
  signal?.addEventListener("abort", giveUp);
  try {
    await answered.promise;
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(address, error, limit.aborted ? timeoutMs : undefined);
  } finally {
    limit.removeEventListener("abort", giveUp);
    signal?.removeEventListener("abort", giveUp);
    session.destroy();
    socket.destroy();
  }
}

const startOne = "start one with `executor-host serve`";

function unreachable(address: Address, error: unknown, waitedMs: number | undefined): HostError {
  const where = formatAddress(address);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reasons: Readonly<Record<string, readonly [string, string]>> = {
    ENOENT: [`no host at ${where}: there is no such socket`, startOne],
    ECONNREFUSED: [`no host at ${where}: nobody listens there`, startOne],
    EINVAL: [`no host can be at ${where}`, `the path of a socket has at most ${maxSocketPathBytes} bytes`],
    EACCES: [`no access to the host at ${where}`, "it belongs to another user"],
    ERR_HTTP2_ERROR: [`what listens at ${where} does not speak gRPC`, "is this the address of an executor host?"],
  };
  const [message, hint] =
    waitedMs === undefined
      ? (reasons[code] ?? [`cannot reach the host at ${where}: ${messageOf(error)}`, ""])
      : [`no answer from ${where} in ${waitedMs} ms`, "is this the address of an executor host?"];
  return new HostError("HOST_UNREACHABLE", message, { hint, cause: error });
}
