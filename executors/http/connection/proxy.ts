import { BlockList, isIP } from "node:net";

import { FieldError } from "@executor-host/sdk";

import { RequestFailure } from "../failure.ts";
import { hostnameOf, portOf } from "../request/target.ts";

/** A server that connects on our behalf. */
export interface ProxyServer {
  readonly scheme: "http" | "https" | "socks5";
  readonly hostname: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** What a job says about proxies: this one, or the one that the environment names. */
export type ProxyChoice = ProxyServer | "environment";

const schemes: Record<string, Pick<ProxyServer, "scheme" | "port">> = {
  "http:": { scheme: "http", port: 80 },
  "https:": { scheme: "https", port: 443 },
  "socks5:": { scheme: "socks5", port: 1080 },
  "socks5h:": { scheme: "socks5", port: 1080 },
};

/**
 * Read `proxy`: a URL (http, https, socks5), or `environment`.
 *
 * A SOCKS proxy always resolves the target's name itself. Messages never hold the text, as it may carry a password.
 *
 * @throws {FieldError}
 */
export function parseProxy(text: string): ProxyChoice {
  const trimmed = text.trim();
  return trimmed === "environment" ? trimmed : parseServer(trimmed);
}

function parseServer(text: string): ProxyServer {
  const hint = "such as http://proxy.example.test:3128, socks5://proxy.example.test, or environment";
  const url = URL.parse(text);
  const scheme = schemes[url?.protocol ?? ""];
  if (url === null || scheme === undefined || url.hostname === "") throw new FieldError("is no proxy URL", hint);
  return {
    scheme: scheme.scheme,
    hostname: hostnameOf(url),
    port: url.port === "" ? scheme.port : Number(url.port),
    username: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
  };
}

/** `Proxy-Authorization` for a proxy with credentials. */
export function proxyAuthorization({ username, password = "" }: ProxyServer): string | undefined {
  if (username === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

/**
 * The proxy for a URL; undefined means a direct connection.
 *
 * `environment` follows the usual variables as Go reads them: `HTTP_PROXY` or `HTTPS_PROXY` by the target's scheme, then `ALL_PROXY`, lower
 * case names as well; `NO_PROXY` and this machine itself are exempt.
 *
 * @throws {RequestFailure} `PROXY_FAILED` when the environment names no proper proxy
 */
export function proxyFor(
  choice: ProxyChoice | undefined,
  url: URL,
  environment: Readonly<Record<string, string | undefined>>,
): ProxyServer | undefined {
  if (choice !== "environment") return choice;
  const read = (name: string): string | undefined => environment[name] || environment[name.toLowerCase()] || undefined;
  const variable = [url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY", "ALL_PROXY"].find((name) => read(name));
  const text = variable === undefined ? undefined : read(variable);
  if (text === undefined || isExempt(url, read("NO_PROXY") ?? "")) return undefined;
  try {
    return parseServer(text.includes("://") ? text : `http://${text}`);
  } catch (error) {
    throw new RequestFailure("PROXY_FAILED", `${variable} in the executor's environment is no proxy URL`, {
      retryability: "PERMANENT",
      cause: error,
    });
  }
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function isExempt(url: URL, noProxy: string): boolean {
  const host = hostnameOf(url).toLowerCase();
  if (host === "localhost" || contains(loopback, host)) return true;
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => matchesEntry(entry.toLowerCase(), host, portOf(url)));
}

/** An entry is `*`, an address, a network such as `10.0.0.0/8`, or a domain; it may end with a port. */
function matchesEntry(entry: string, host: string, port: number): boolean {
  if (entry === "*") return true;
  const network = /^(.+)\/(\d+)$/.exec(entry);
  if (network?.[1] !== undefined) {
    const family = isIP(network[1]);
    const bits = Number(network[2]);
    if (family === 0 || bits > (family === 6 ? 128 : 32)) return false;
    const list = new BlockList();
    list.addSubnet(network[1], bits, family === 6 ? "ipv6" : "ipv4");
    return contains(list, host);
  }
  const parts = isIP(entry) === 6 ? [entry, entry] : /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry);
  const name = (parts?.[1] ?? entry).replace(/^\*?\./, "");
  const only = parts?.[2];
  if (only !== undefined && only !== entry && Number(only) !== port) return false;
  // Domains hold for what is below them, too.
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function contains(list: BlockList, host: string): boolean {
  const family = isIP(host);
  return family !== 0 && list.check(host, family === 6 ? "ipv6" : "ipv4");
}
