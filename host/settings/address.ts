import { isIP } from "node:net";

/** Where a host listens, or is called. */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Longest path of a unix socket, in bytes. Source: unix(7), `sun_path` is 108 bytes with the closing zero. */
export const maxSocketPathBytes = 107;

/** @returns undefined unless the text is `unix:/absolute/path` (also `unix:///absolute/path`), `tcp:HOST:PORT` or `tcp:[IPV6]:PORT` */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    return path.startsWith("/") ? { kind: "unix", path } : undefined;
  }
  const match = /^tcp:(?:\[([^\]]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? match[2] ?? "";
  const port = Number(match[3]);
  if (port > 65_535 || (match[1] !== undefined && isIP(host) !== 6)) return undefined;
  return { kind: "tcp", host, port };
}

/** The text `parseAddress` reads back. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return isIP(address.host) === 6 ? `tcp:[${address.host}]:${address.port}` : `tcp:${address.host}:${address.port}`;
}

/** True when only this machine can reach the address. */
export function isLocal(address: Address): boolean {
  if (address.kind === "unix") return true;
  const { host } = address;
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
