import { readNamedFile } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import { fail } from "../failure.ts";
import { parseEndpoint, type Endpoint } from "../message/names.ts";

/** Everything that makes a difference to a connection. Plain data. */
export interface Route {
  readonly endpoint: Endpoint | undefined;
  /** No TLS, no credentials. */
  readonly isEmulator: boolean;
  /** JSON text; undefined: those of the process. */
  readonly credentials: string | undefined;
  readonly quotaProject: string | undefined;
  readonly gzip: boolean;
  /** For people. */
  readonly peer: string;
}

/**
 * The way to Pub/Sub for a job. The environment counts where a key does not say otherwise, as with every client of Google's.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`, `CREDENTIALS_INVALID`
 */
export async function routeOf(config: Config, signal: AbortSignal): Promise<Route> {
  const emulator = config.emulator ?? emulatorOfEnvironment(config);
  const endpoint = emulator ?? config.endpoint;
  return {
    endpoint,
    isEmulator: emulator !== undefined,
    credentials: emulator === undefined ? await readCredentials(config, signal) : undefined,
    quotaProject: config.quota_project,
    gzip: config.compression === "gzip",
    peer: endpoint === undefined ? "pubsub.googleapis.com:443" : `${endpoint.host}:${endpoint.port}`,
  };
}

function emulatorOfEnvironment({ endpoint, credentials, credentials_file: file }: Config): Endpoint | undefined {
  const given = process.env["PUBSUB_EMULATOR_HOST"] ?? "";
  const isOverruled = [endpoint, credentials, file].some((key) => key !== undefined);
  return given === "" || isOverruled ? undefined : parseEndpoint(given);
}

async function readCredentials(config: Config, signal: AbortSignal): Promise<string | undefined> {
  const { credentials, credentials_file: path } = config;
  if (credentials === undefined && path === undefined) return undefined;
  const source = path === undefined ? "credentials" : `credentials_file ${path}`;
  const text =
    path === undefined ? (credentials ?? "") : (await readNamedFile("credentials_file", path, signal)).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw fail("CREDENTIALS_INVALID", `${source} is not JSON`);
  }
  const isTyped = typeof json === "object" && json !== null && "type" in json && typeof json.type === "string";
  if (!isTyped) {
    throw fail("CREDENTIALS_INVALID", `${source} has no type`, { hint: "take the JSON that Google gives, as it is" });
  }
  return text;
}
