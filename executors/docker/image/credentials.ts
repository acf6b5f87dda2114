import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import { DockerFailure, messageOf } from "../failure.ts";
import { parseImage } from "./reference.ts";

/** What an engine passes on to a registry. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

/** The file that `docker login` writes. */
interface ClientConfig {
  readonly auths?: Readonly<
    Record<
      string,
      {
        readonly auth?: string;
        readonly identitytoken?: string;
        readonly username?: string;
        readonly password?: string;
      }
    >
  >;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/**
 * Who pulls a job's image: `registry_auth`, or what the client's config file has for the image's registry.
 *
 * @returns undefined: nobody in particular
 * @throws {DockerFailure} `CREDENTIALS_UNUSABLE`
 */
export async function credentialsFor(config: Config, signal: AbortSignal): Promise<Credentials | undefined> {
  const { registry } = parseImage(config.image);
  const inline = config.registry_auth;
  if (inline !== undefined) {
    const { username, password, identity_token } = inline;
    return {
      serveraddress: registry,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(identity_token !== undefined && { identitytoken: identity_token }),
    };
  }
  const file = await readClientConfig(config.registry_config);
  return file === undefined ? undefined : fromClientConfig(file, registry, signal);
}

async function readClientConfig(named: string | undefined): Promise<ClientConfig | undefined> {
  const path =
    named || join(process.env["DOCKER_CONFIG"] || join(process.env["HOME"] || homedir(), ".docker"), "config.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (!named) return undefined;
    throw unusable(`registry_config cannot be read: ${messageOf(error)}`, error);
  }
  try {
    return JSON.parse(text) as ClientConfig;
  } catch {
    // The parser's message quotes the text, and that holds passwords.
    throw unusable(`${path} is not JSON`);
  }
}

async function fromClientConfig(
  file: ClientConfig,
  registry: string,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const names = namesOf(registry);
  const helper = names.map((name) => file.credHelpers?.[name]).find((found) => found !== undefined) ?? file.credsStore;
  if (helper !== undefined) {
    const found = await askHelper(helper, names[0] ?? registry, signal);
    if (found !== undefined) return { ...found, serveraddress: registry };
  }
  const entry = names.map((name) => file.auths?.[name]).find((found) => found !== undefined);
  if (entry === undefined) return undefined;
  const [username = entry.username, password = entry.password] = splitAuth(entry.auth);
  return {
    serveraddress: registry,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(entry.identitytoken !== undefined && { identitytoken: entry.identitytoken }),
  };
}

/** Docker's own registry goes by its old address there. */
function namesOf(registry: string): readonly string[] {
  return registry === "docker.io"
    ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io"]
    : [registry, `https://${registry}`, `http://${registry}`, `https://${registry}/v1/`, `https://${registry}/v2/`];
}

function splitAuth(auth: string | undefined): readonly string[] {
  if (auth === undefined || auth === "") return [];
  const text = Buffer.from(auth, "base64").toString();
  const at = text.indexOf(":");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Undefined: it knows nothing of this registry. */
function askHelper(
  helper: string,
  registry: string,
  signal: AbortSignal,
): Promise<Omit<Credentials, "serveraddress"> | undefined> {
  const program = `docker-credential-${helper}`;
  return new Promise((resolve, reject) => {
    const child = execFile(program, ["get"], { signal, timeout: limits.credentialHelperMs }, (error, stdout) => {
      if (signal.aborted) return reject(signal.reason as Error);
      if (error !== null) {
        if (/credentials not found/i.test(stdout)) return resolve(undefined);
        // What it printed may hold a secret.
        return reject(
          unusable(
            `${program} failed: ${error.code === "ENOENT" ? "it is not installed" : `exit status ${String(error.code)}`}`,
          ),
        );
      }
      try {
        const { Username, Secret } = JSON.parse(stdout) as { Username: string; Secret: string };
        return resolve(Username === "<token>" ? { identitytoken: Secret } : { username: Username, password: Secret });
      } catch {
        return reject(unusable(`${program} did not answer in JSON`));
      }
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(registry);
  });
}

function unusable(message: string, cause?: unknown): DockerFailure {
  return new DockerFailure("CREDENTIALS_UNUSABLE", message, {
    hint: "look at registry_auth, registry_config, or the login of the executor's user",
    cause,
  });
}
