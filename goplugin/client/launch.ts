import { statSync } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { HostError } from "@executor-host/proto/shared/error";
import type { Address } from "../protocol/address.ts";
import { timeouts } from "../protocol/defaults.ts";
import { lifelineStdin, lifelineVariable, scrubEnvironment, variables } from "../protocol/environment.ts";
import { parseHandshake } from "../protocol/handshake.ts";
import { formatVersionList } from "../protocol/versions.ts";
import { createCredentials } from "../tls/credentials.ts";
import { createIdentity, toPem, type Identity } from "../tls/identity.ts";
import { openVerified } from "./checksum.ts";
import { waitForConnection } from "./connect.ts";
import { explainFailure, explainSpawnFailure } from "./launch-failure.ts";
import { assertLaunchOptions, type LaunchOptions } from "./launch-options.ts";
import { createClassicTransport, openMultiplexedTransport, type LinkTransportOptions } from "./link-transport.ts";
import { PluginChild } from "./plugin-child.ts";
import { PluginLink } from "./plugin-link.ts";
import { LaunchedPlugin, type PluginProcess } from "./plugin-process.ts";
import { assertAgreement, receiveHandshakeLine } from "./receive-handshake.ts";
import { resolveCommand } from "./resolve-command.ts";
import { SocketDirectory } from "./socket-directory.ts";

/**
 * Launch a plugin and connect to it.
 *
 * What fails leaves nothing behind: the process group is killed and the sockets are removed before the error arrives.
 *
 * @throws {HostError} `PLUGIN_OPTIONS_INVALID`, `PLUGIN_CHECKSUM_MISMATCH`, `PLUGIN_SPAWN_FAILED`, `HANDSHAKE_MISSING`,
 *   `HANDSHAKE_MALFORMED`, `HANDSHAKE_TIMEOUT`, `CORE_VERSION_MISMATCH`, `APP_VERSION_MISMATCH`, `ADDRESS_INVALID`,
 *   `PROTOCOL_UNSUPPORTED`, `CERTIFICATE_INVALID`, `MULTIPLEX_UNSUPPORTED`, `CONNECT_FAILED`, `PLUGIN_EXITED`
 * @throws `signal.reason` when aborted
 */
export async function launchPlugin(options: LaunchOptions): Promise<PluginProcess> {
  options.signal?.throwIfAborted();
  assertLaunchOptions(options);
  const file = findExecutable(options);
  const sockets = await SocketDirectory.create(options.runtimeDir);
  try {
    return await launchWith(sockets, file, options);
  } catch (error) {
    await sockets[Symbol.asyncDispose]();
    throw error;
  }
}

async function launchWith(sockets: SocketDirectory, file: string, options: LaunchOptions): Promise<PluginProcess> {
  const identity = createHostIdentity(options);
  const env = environmentFor(options, sockets, identity);
  const child = await startProcess(file, env, options);
  let line: string | undefined;
  let address: Address | undefined;
  const cleanUp = async (): Promise<void> => {
    await sockets[Symbol.asyncDispose]();
    if (address !== undefined) await removeLeftSocket(address);
  };
  try {
    await options.afterSpawn?.(child.pid);
    const { startTimeoutMs = timeouts.startMs, signal } = options;
    line = await receiveHandshakeLine(child, { timeoutMs: startTimeoutMs, signal });
    const handshake = parseHandshake(line);
    address = handshake.address;
    const { appVersions, multiplex = false } = options;
    assertAgreement(handshake, { appVersions, isTlsAsked: identity !== undefined, isMultiplexAsked: multiplex });
    const tls = identity && handshake.certificate && { identity, peerCertificatePem: toPem(handshake.certificate.raw) };
    const target = { address, credentials: createCredentials(tls), socketDirectory: sockets.path };
    const link = await connect(target, child, options);
    return new LaunchedPlugin({ child, link, sockets, appVersion: handshake.appVersion, cleanUp });
  } catch (error) {
    const explained = await explainFailure(error, { file, env, child, line });
    await cleanUp();
    throw explained;
  }
}

function findExecutable({ command, cwd, env }: LaunchOptions): string {
  if (cwd !== undefined && !statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) {
    throw new HostError("PLUGIN_OPTIONS_INVALID", `cwd is no directory: ${cwd}`, {
      hint: "the plugin's working directory must exist",
    });
  }
  const file = resolveCommand(command, { cwd: cwd ?? process.cwd(), env });
  if (file !== undefined) return file;
  throw new HostError("PLUGIN_SPAWN_FAILED", `no executable in PATH is called ${command}`, {
    hint: `PATH of the plugin's environment is ${env["PATH"] ?? "not set"}; an absolute path needs none`,
  });
}

function createHostIdentity({ autoMtls = true }: LaunchOptions): Identity | undefined {
  if (autoMtls === false) return undefined;
  return createIdentity(autoMtls === true ? undefined : autoMtls.curve);
}

function environmentFor(
  options: LaunchOptions,
  sockets: SocketDirectory,
  identity: Identity | undefined,
): Record<string, string> {
  return {
    ...scrubEnvironment(options.env),
    [options.magicCookie.key]: options.magicCookie.value,
    // go-plugin's own defaults; plugins on Unix ignore them, but every host sets them.
    [variables.minPort]: "10000",
    [variables.maxPort]: "25000",
    [variables.protocolVersions]: formatVersionList(options.appVersions),
    [variables.socketDirectory]: sockets.path,
    ...(options.multiplex && { [variables.multiplex]: "true" }),
    ...(identity && { [variables.clientCertificate]: identity.certificatePem }),
    ...((options.lifeline ?? true) && { [lifelineVariable]: lifelineStdin }),
  };
}

const verifiedDescriptor = 3;

async function startProcess(file: string, env: Record<string, string>, options: LaunchOptions): Promise<PluginChild> {
  const { checksum, wrapper = [], args = [], onLog = () => undefined, lifeline = true, cwd } = options;
  await using verified = checksum && (await openVerified(file, checksum.hex));
  // Only Linux can execute what a descriptor refers to.
  const descriptor = process.platform === "linux" ? verified?.fd : undefined;
  const executed = descriptor === undefined ? file : `/proc/self/fd/${verifiedDescriptor}`;
  const [first = executed, ...rest] = [...wrapper, executed, ...args];
  const argv0 = wrapper.length === 0 ? file : undefined;
  try {
    return await PluginChild.spawn({ file: first, args: rest, argv0, cwd, env, lifeline, descriptor, onLog });
  } catch (error) {
    throw await explainSpawnFailure(error, { file: wrapper[0] ?? file, env });
  }
}

/** Connect, unless the process ends first. A link that cannot be connected is closed. */
async function connect(
  target: LinkTransportOptions,
  child: PluginChild,
  { connectTimeoutMs = timeouts.connectMs, multiplex = false, onStdio, signal }: LaunchOptions,
): Promise<PluginLink> {
  const ended = new AbortController();
  const error = new HostError("PLUGIN_EXITED", "plugin ended before it could be connected to");
  void child.ended.then(() => ended.abort(error));
  const deadline = new Date(Date.now() + connectTimeoutMs);
  const givenUp = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
  const transport = multiplex
    ? await openMultiplexedTransport(target, { deadline, signal: givenUp })
    : createClassicTransport(target);
  const link = new PluginLink(transport, onStdio);
  try {
    await waitForConnection(link.channel, { deadline, signal: AbortSignal.any([givenUp, transport.broken]) });
    link.openStreams();
    return link;
  } catch (failure) {
    await link.close();
    throw failure;
  }
}

/** A plugin that ignores the socket directory leaves its socket elsewhere when it is killed. Removed only if it is a socket of ours. */
async function removeLeftSocket(address: Address): Promise<void> {
  if (address.network !== "unix") return;
  const found = await lstat(address.path).catch(() => undefined);
  // Best effort: somebody else's directory may forbid it.
  if (found?.isSocket() && found.uid === process.getuid?.()) await rm(address.path).catch(() => undefined);
}
