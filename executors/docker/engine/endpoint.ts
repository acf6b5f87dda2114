import { FieldError } from "@executor-host/sdk";

/** Where an engine listens. */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly secure: boolean };

/** Where engines listen when nothing is said. */
export const systemEndpoint = "unix:///var/run/docker.sock";

/**
 * Read `unix:///path`, `tcp://host:port` or `https://host:port`.
 *
 * @throws {FieldError}
 */
export function parseEndpoint(text: string): Endpoint {
  const hint = "write unix:///path/of.sock, tcp://host:port, or https://host:port for TLS";
  if (text.startsWith("unix://")) {
    const path = text.slice("unix://".length);
    if (!path.startsWith("/")) throw new FieldError(`"${text}" names no absolute path`, hint);
    return { kind: "unix", path };
  }
  const url = URL.parse(text);
  if (url === null || !["tcp:", "http:", "https:"].includes(url.protocol) || url.hostname === "") {
    throw new FieldError(`"${text}" is not an address of an engine`, hint);
  }
  if (url.username !== "" || (url.pathname !== "" && url.pathname !== "/") || url.search !== "") {
    throw new FieldError("has more than a host and a port", hint);
  }
  const secure = url.protocol === "https:" || url.port === "2376";
  return { kind: "tcp", host: url.hostname, port: Number(url.port) || (secure ? 2376 : 2375), secure };
}

/** For people. */
export function showEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return `unix://${endpoint.path}`;
  return `${endpoint.secure ? "https" : "tcp"}://${endpoint.host}:${endpoint.port}`;
}
