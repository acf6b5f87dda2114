import { statSync } from "node:fs";
import { HostError } from "@executor-host/proto/shared/error";
import type { Address } from "../protocol/address.ts";
import { timeouts } from "../protocol/defaults.ts";
import { lifelineNone, lifelineStdin, lifelineVariable, scrubEnvironment, variables } from "../protocol/environment.ts";
import { parseHandshake, type Handshake } from "../protocol/handshake.ts";
import { identifyProcess } from "../protocol/process-identity.ts";
import type { ReattachInfo } from "../protocol/reattach-info.ts";
import { formatVersionList } from "../protocol/versions.ts";
import { createCredentials, type MutualTls } from "../tls/credentials.ts";
import { createIdentity, toPem, type Identity } from "../tls/identity.ts";
import { openVerified } from "./checksum.ts";
import { explainFailure, explainSpawnFailure } from "./launch-failure.ts";
import { assertLaunchOptions, type LaunchOptions } from "./launch-options.ts";
import { createClassicTransport, openMultiplexedTransport, type LinkTransportOptions } from "./link-transport.ts";
import { PluginChild } from "./plugin-child.ts";
import { openLink } from "./open-link.ts";
import { ConnectedPlugin, type PluginProcess } from "./plugin-process.ts";
import { assertAgreement, receiveHandshakeLine } from "./receive-handshake.ts";
import { resolveCommand } from "./resolve-command.ts";
import { removeLeftSocket, SocketDirectory } from "./socket-directory.ts";

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
  const sockets = await SocketDirectory.create(options.runtimeDir, options.runsAs);
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
    const tls = options.tls ?? tlsOf(handshake, identity);
    const target: LinkTransportOptions = {
      address,
      credentials: createCredentials(tls),
      socketDirectory: sockets.path,
      owner: options.runsAs,
    };
    const link = await openLink(child, {
      createTransport: async (limits) =>
        multiplex ? openMultiplexedTransport(target, limits) : createClassicTransport(target),
      connectTimeoutMs: options.connectTimeoutMs ?? timeouts.connectMs,
      onStdio: options.onStdio,
      signal,
    });
    const { appVersion } = handshake;
    const reattachInfo = (): ReattachInfo => {
      if (multiplex)
        throw new HostError("NOT_SUPPORTED", "a multiplexed plugin knows one connection, and no reattaching");
      const found = identifyProcess(child.pid);
      return {
        address: target.address,
        appVersion,
        pid: child.pid,
        socketDirectory: sockets.path,
        ...(found && { identity: found }),
        ...(tls && { tls }),
      };
    };
    const cleanUpAfterDetaching = async (): Promise<void> => undefined;
    return new ConnectedPlugin({
      child,
      link,
      sockets,
      address: target.address,
      appVersion,
      cleanUp,
      cleanUpAfterDetaching,
      isTest: false,
      reattachInfo,
    });
  } catch (error) {
    const explained = await explainFailure(error, { file, env, child, line, mask: options.mask ?? unmasked });
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

function createHostIdentity({ autoMtls = true, tls }: LaunchOptions): Identity | undefined {
  if (autoMtls === false || tls !== undefined) return undefined;
  return createIdentity(autoMtls === true ? "P-256" : autoMtls.curve);
}

function tlsOf({ certificate }: Handshake, identity: Identity | undefined): MutualTls | undefined {
  if (identity === undefined || certificate === undefined) return undefined;
  const { certificatePem, privateKeyPem } = identity;
  return { identity: { certificatePem, privateKeyPem }, peerCertificatePem: toPem(certificate.raw) };
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
    ...lifelineOf(options),
  };
}

function lifelineOf({ lifeline = true, survivesHost = false }: LaunchOptions): Record<string, string> {
  if (survivesHost) return { [lifelineVariable]: lifelineNone };
  return lifeline ? { [lifelineVariable]: lifelineStdin } : {};
}

const unmasked = (text: string): string => text;

const verifiedDescriptor = 3;

async function startProcess(file: string, env: Record<string, string>, options: LaunchOptions): Promise<PluginChild> {
  const { checksum, wrapper = [], args = [], onLog = () => undefined, mask = unmasked, cwd } = options;
  const lifeline = (options.lifeline ?? true) && options.survivesHost !== true;
  await using verified = checksum && (await openVerified(file, checksum.hex));
  // Only Linux can execute what a descriptor refers to.
  const descriptor = process.platform === "linux" ? verified?.fd : undefined;
  const executed = descriptor === undefined ? file : `/proc/self/fd/${verifiedDescriptor}`;
  const [first = executed, ...rest] = [...wrapper, executed, ...args];
  const argv0 = wrapper.length === 0 ? file : undefined;
  try {
    return await PluginChild.spawn({ file: first, args: rest, argv0, cwd, env, lifeline, descriptor, onLog, mask });
  } catch (error) {
    throw await explainSpawnFailure(error, { file: wrapper[0] ?? file, env });
  }
}
