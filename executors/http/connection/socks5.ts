import { once } from "node:events";
import type { Socket } from "node:net";

import { RequestFailure } from "../failure.ts";
import type { ProxyServer } from "./proxy.ts";
import { hostPort, type Route } from "./route.ts";

const version = 5;
const methods = { none: 0, password: 2, noneAcceptable: 0xff } as const;
const connectCommand = 1;
const domainType = 3;
/** Bytes of an address by its type; a domain brings its own length. */
const addressBytes: Record<number, number> = { 1: 4, 4: 16 };

const replies: Record<number, string> = {
  1: "general failure",
  2: "not allowed by its rules",
  3: "network unreachable",
  4: "host unreachable",
  5: "connection refused",
  6: "time to live expired",
  7: "command not supported",
  8: "address type not supported",
};

/**
 * Ask a SOCKS5 proxy, over an open connection to it, to connect to the target. Source: RFC 1928; RFC 1929 for user and password.
 *
 * The target goes over as a name, so that the proxy resolves it.
 *
 * @throws {RequestFailure} `PROXY_FAILED`, `PROXY_DENIED`
 */
export async function tunnelSocks5(
  socket: Socket,
  proxy: ProxyServer,
  route: Route,
  signal: AbortSignal,
): Promise<void> {
  const name = `proxy ${hostPort(proxy.hostname, proxy.port)}`;
  const offered = proxy.username === undefined ? [methods.none] : [methods.none, methods.password];
  socket.write(Uint8Array.from([version, offered.length, ...offered]));
  const [answered, method] = await read(socket, 2, signal);
  if (answered !== version)
    throw new RequestFailure("PROXY_FAILED", `${name} does not speak SOCKS5`, { retryability: "PERMANENT" });
  if (method === methods.password) await logIn(socket, proxy, name, signal);
  else if (method !== methods.none) {
    throw new RequestFailure("PROXY_DENIED", `${name} asks for credentials`, {
      hint: "put user and password into the proxy's URL",
    });
  }
  const host = Buffer.from(route.hostname, "utf8");
  if (host.length > 255)
    throw new RequestFailure("PROXY_DENIED", `host name too long for SOCKS5: ${host.length} bytes, at most 255`);
  const port = [route.port >> 8, route.port & 0xff];
  socket.write(Uint8Array.from([version, connectCommand, 0, domainType, host.length, ...host, ...port]));
  const [, reply = 1, , type = 0] = await read(socket, 4, signal);
  if (reply !== 0) {
    const reason = replies[reply] ?? `reply ${reply}`;
    throw new RequestFailure(
      reply === 2 ? "PROXY_DENIED" : "PROXY_FAILED",
      `${name} cannot connect to ${hostPort(route.hostname, route.port)}: ${reason}`,
    );
  }
  // The address it connected from comes last, and is of no use here.
  const length = type === domainType ? ((await read(socket, 1, signal))[0] ?? 0) : (addressBytes[type] ?? 0);
  await read(socket, length + 2, signal);
}

async function logIn(socket: Socket, proxy: ProxyServer, name: string, signal: AbortSignal): Promise<void> {
  const username = Buffer.from(proxy.username ?? "", "utf8");
  const password = Buffer.from(proxy.password ?? "", "utf8");
  if (username.length > 255 || password.length > 255) {
    throw new RequestFailure("PROXY_DENIED", "user or password too long for SOCKS5: at most 255 bytes each");
  }
  socket.write(Uint8Array.from([1, username.length, ...username, password.length, ...password]));
  const [, status] = await read(socket, 2, signal);
  if (status !== 0) throw new RequestFailure("PROXY_DENIED", `${name} refused user and password`);
}

/** Exactly so many bytes; what follows stays in the socket. */
async function read(socket: Socket, length: number, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) return bytes;
    if (socket.readableEnded || socket.destroyed)
      throw Object.assign(new Error("closed by the other side"), { code: "ECONNRESET" });
    const settled = new AbortController();
    try {
      const options = { signal: AbortSignal.any([signal, settled.signal]) };
      await Promise.race([
        once(socket, "readable", options),
        once(socket, "close", options),
        once(socket, "end", options),
      ]);
    } finally {
      settled.abort();
    }
  }
}
