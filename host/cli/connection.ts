import { isHostError } from "@executor-host/proto/shared/error";
import { HostClient } from "../client/client.ts";
import { otherVariables } from "../settings/load.ts";
import type { LoadedSettings } from "../settings/settings.ts";
import type { CliContext } from "./context.ts";
import type { ConnectionOptions } from "./options.ts";
import { loadWith } from "./settings-source.ts";

/** A client, and the host behind it if it was started for this command. */
export interface Connection extends AsyncDisposable {
  readonly client: HostClient;
  readonly isEmbedded: boolean;
}

/**
 * Connect to the running host.
 *
 * @throws {HostError} `HOST_UNREACHABLE`
 */
export async function connectToHost(
  options: ConnectionOptions,
  context: CliContext,
  signal: AbortSignal = context.signal,
): Promise<Connection> {
  const address = namedAddress(options, context) ?? defaultAddress(loadWith({}, options.config, context));
  return remote(await HostClient.connect(address, { signal }));
}

/**
 * Connect to the running host, or start one for this command if none is there.
 *
 * A host that was asked for by its address must be there, and one that is there but does not answer is an error, too.
 *
 * @throws {HostError} `HOST_UNREACHABLE`, and what starting a host throws
 */
export async function connectOrEmbed(
  options: ConnectionOptions,
  context: CliContext,
  signal: AbortSignal = context.signal,
): Promise<Connection> {
  const { pluginsDir, embedded = pluginsDir !== undefined } = options;
  const named = embedded ? undefined : namedAddress(options, context);
  if (named !== undefined) return remote(await HostClient.connect(named, { signal }));
  const loaded = loadWith({ "plugins-dirs": pluginsDir }, options.config, context);
  return embedded ? embed(loaded, context, signal) : connectByDefault(loaded, context, signal);
}

/** Connect to the host that these settings lead to, or start one with them for this command. */
export async function connectByDefault(
  loaded: LoadedSettings,
  context: CliContext,
  signal: AbortSignal,
): Promise<Connection> {
  try {
    return remote(await HostClient.connect(defaultAddress(loaded), { signal }));
  } catch (error) {
    if (!isNobodyThere(error)) throw error;
  }
  return embed(loaded, context, signal);
}

/** Loaded only when it is needed: a host is much code. */
async function embed(loaded: LoadedSettings, context: CliContext, signal: AbortSignal): Promise<Connection> {
  const { startEmbeddedHost } = await import("./embedded.ts");
  await using starting = new AsyncDisposableStack();
  const host = starting.use(await startEmbeddedHost(loaded, context));
  const client = starting.use(await HostClient.connect(host.address, { signal }));
  const parts = starting.move();
  return { client, isEmbedded: true, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

function remote(client: HostClient): Connection {
  return { client, isEmbedded: false, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

function namedAddress({ host }: ConnectionOptions, { env }: CliContext): string | undefined {
  return host ?? (env[otherVariables.address] || undefined);
}

/** The unix socket if the host has one: it is the one that only its user can open. */
function defaultAddress({ settings: { listen } }: LoadedSettings): string {
  return listen.find((address) => address.startsWith("unix:")) ?? listen[0] ?? "";
}

function isNobodyThere(error: unknown): boolean {
  if (!isHostError(error) || error.code !== "HOST_UNREACHABLE") return false;
  const { cause } = error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "ENOENT" || code === "ECONNREFUSED" || code === "EACCES";
}
