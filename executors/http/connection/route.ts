import { createHash } from "node:crypto";

import type { TlsSettings } from "../tls/settings.ts";
import type { AddressBook } from "./lookup.ts";
import type { ProxyServer } from "./proxy.ts";

/** Which HTTP versions may be spoken: 1.1 only, 2 if the server offers it, or 2 and nothing else. */
export type HttpVersion = "1.1" | "auto" | "2";

/** Everything that decides which connections a request may use. */
export interface Route {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Path of a unix socket to use in place of host and port. */
  readonly unixSocket: string | undefined;
  readonly proxy: ProxyServer | undefined;
  /** Addresses that the job itself gives for host names. */
  readonly addresses: AddressBook;
  /** Address of this machine to connect from. */
  readonly localAddress: string | undefined;
  readonly tls: TlsSettings;
  readonly httpVersion: HttpVersion;
}

/** Two routes with the same key may share connections. A digest, as routes hold keys and passwords. */
export function routeKey(route: Route): string {
  return createHash("sha256").update(JSON.stringify(route)).digest("base64url");
}

/** For messages: `api.example.test:443`, or the path of a socket. */
export function describeRoute(route: Route): string {
  return route.unixSocket ?? hostPort(route.hostname, route.port);
}

/** `host:port`, an IPv6 address in brackets. */
export function hostPort(hostname: string, port: number): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** Does the proxy take whole requests (true), or only pass bytes on (false)? */
export function isForwarded(route: Route): boolean {
  return route.proxy !== undefined && route.proxy.scheme !== "socks5" && !route.secure;
}
