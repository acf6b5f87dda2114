import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";

import { RequestFailure } from "../failure.ts";
import { proxyAuthorization, type ProxyServer } from "./proxy.ts";
import { hostPort, type Route } from "./route.ts";

/**
 * Ask an HTTP proxy, over an open connection to it, to pass bytes on to the target: the CONNECT method of RFC 9110, section 9.3.6.
 *
 * @throws {RequestFailure} `PROXY_FAILED`, `PROXY_DENIED`
 */
export async function tunnelHttp(socket: Socket, proxy: ProxyServer, route: Route, signal: AbortSignal): Promise<void> {
  const target = hostPort(route.hostname, route.port);
  const authorization = proxyAuthorization(proxy);
  const connect = request({
    method: "CONNECT",
    path: target,
    headers: { host: target, ...(authorization !== undefined && { "proxy-authorization": authorization }) },
    createConnection: () => socket,
    signal,
  });
  connect.end();
  const [response, , head] = (await once(connect, "connect")) as [IncomingMessage, Socket, Buffer];
  assertTunnel(response.statusCode ?? 0, proxy, target);
  if (head.length > 0) socket.unshift(head);
}

function assertTunnel(status: number, proxy: ProxyServer, target: string): void {
  if (status >= 200 && status <= 299) return;
  const message = `proxy ${hostPort(proxy.hostname, proxy.port)} refused to connect to ${target}: status ${status}, expected 200`;
  // The gateway errors are about the target, or pass; everything else is a decision of the proxy.
  if (status === 408 || status === 429 || status >= 500) throw new RequestFailure("PROXY_FAILED", message);
  throw new RequestFailure("PROXY_DENIED", message, {
    hint: status === 407 ? "put user and password into the proxy's URL" : undefined,
  });
}
