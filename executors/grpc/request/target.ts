import { FieldError } from "@executor-host/sdk";

/** Where a call goes. Plain data. */
export interface Target {
  /** As grpc-js takes it: `dns:host:port`, `unix:/path`. */
  readonly address: string;
  /** For people: `host:port`, `/path`. */
  readonly peer: string;
  /** What the URL says of TLS; undefined if nothing. */
  readonly tls: boolean | undefined;
  /** The rest of the URL. */
  readonly method: Method | undefined;
}

export interface Method {
  /** `package.Service` */
  readonly service: string;
  readonly method: string;
}

const hint = "write HOST:PORT/package.Service/Method";
const schemes: Readonly<Record<string, boolean>> = { http: false, grpc: false, https: true, grpcs: true };

/**
 * Read `url`: `HOST:PORT/package.Service/Method` or `HOST:PORT/package.Service.Method`, with or without http, grpc (no TLS), https or grpcs
 * (TLS) before it; or `unix:/path`. The method may be missing.
 *
 * @throws {FieldError}
 */
export function parseTarget(given: string): Target {
  const text = given.trim();
  const socket = /^unix:(?:\/\/)?(\/.*)$/.exec(text)?.[1];
  if (socket !== undefined) return parseSocket(socket);
  const [, scheme, rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(text) ?? [];
  const tls = scheme === undefined ? undefined : schemes[scheme.toLowerCase()];
  if (scheme !== undefined && tls === undefined) throw new FieldError(`has the unknown scheme ${scheme}`, hint);
  const slash = rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "" : rest.slice(slash + 1);
  if (authority.includes("@"))
    throw new FieldError("holds a user, which gRPC does not know", "send credentials as headers or token");
  const url = URL.parse(`http://${authority}`);
  if (url === null || authority === "" || url.hostname === "") throw new FieldError("names no host", hint);
  // URL leaves out the port it takes for the usual one.
  const port = /:(\d+)$/.exec(authority)?.[1] ?? (tls === undefined ? undefined : tls ? "443" : "80");
  if (port === undefined) throw new FieldError("names no port", hint);
  const peer = `${url.hostname}:${port}`;
  return { address: `dns:${peer}`, peer, tls, method: path === "" ? undefined : parseMethod(path) };
}

function parseSocket(path: string): Target {
  const [, socket = path, method] = /^(.+?)\/([\w.]*\w\.\w+\/\w+)$/.exec(path) ?? [];
  return {
    address: `unix:${socket}`,
    peer: socket,
    tls: undefined,
    method: method === undefined ? undefined : parseMethod(method),
  };
}

/** Read `package.Service/Method` or `package.Service.Method`. @throws {FieldError} */
export function parseMethod(given: string): Method {
  const [, service, method] = /^\/?([A-Za-z_][\w.]*)[/.](\w+)$/.exec(given.trim()) ?? [];
  if (service === undefined || method === undefined || service.endsWith(".")) {
    throw new FieldError("names no method", "write package.Service/Method");
  }
  return { service, method };
}
