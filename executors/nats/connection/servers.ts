import { FieldError } from "@executor-host/sdk";

/** One of the servers a job names. Plain data. */
export interface Server {
  readonly host: string;
  readonly port: number;
  /** Its URL insists on TLS. */
  readonly tls: boolean;
  /** From its URL; alone, without a password, it is a token. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

const defaultPort = 4222;
const hint = "write nats://HOST:PORT, tls://HOST:PORT or HOST:PORT, separated by commas";

/**
 * Read `url`: servers separated by commas.
 *
 * @throws {FieldError} that names no value, as a URL may hold a password
 */
export function parseServers(text: string): readonly Server[] {
  const urls = text.split(",").map((url) => url.trim());
  const servers = urls.filter((url) => url !== "").map((url, index) => parseServer(url, `server ${index + 1}`));
  if (servers.length === 0) throw new FieldError("names no server", hint);
  return servers;
}

function parseServer(given: string, position: string): Server {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given)?.[1]?.toLowerCase() ?? "nats";
  if (scheme === "ws" || scheme === "wss") {
    throw new FieldError(
      `${position} is a WebSocket, which is not supported`,
      "name the server's nats:// or tls:// port",
    );
  }
  if (scheme !== "nats" && scheme !== "tls") throw new FieldError(`${position} has the unknown scheme ${scheme}`, hint);
  // A scheme that URL knows nothing of, so that each part is kept as it is.
  const url = URL.parse(`nats://${given.replace(/^[^/]*:\/\//, "")}`);
  if (url === null || url.hostname === "" || !["", "/"].includes(url.pathname) || url.search + url.hash !== "") {
    throw new FieldError(`${position} is not a server's address`, hint);
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? defaultPort : Number(url.port),
    tls: scheme === "tls",
    user: part(url.username, position),
    password: part(url.password, position),
  };
}

function part(encoded: string, position: string): string | undefined {
  if (encoded === "") return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new FieldError(`${position} has a user or password with a stray %`, "write % as %25");
  }
}

/** `127.0.0.1:4222`, `[::1]:4222`. */
export function hostPort({ host, port }: Pick<Server, "host" | "port">): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
