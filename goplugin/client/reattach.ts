import { HostError } from "@executor-host/proto/shared/error";
import { timeouts } from "../protocol/defaults.ts";
import { assertReattachInfo, type ReattachInfo } from "../protocol/reattach-info.ts";
import { createCredentials, type LinkCredentials } from "../tls/credentials.ts";
import { AttachedProcess } from "./attached-process.ts";
import type { LaunchOptions } from "./launch-options.ts";
import { createClassicTransport } from "./link-transport.ts";
import { openLink } from "./open-link.ts";
import { ConnectedPlugin, type PluginProcess } from "./plugin-process.ts";
import { removeLeftSocket, SocketDirectory } from "./socket-directory.ts";

/** How to reach a plugin that runs already. What it logs goes to whoever started it. */
export interface ReattachOptions extends Pick<
  LaunchOptions,
  "appVersions" | "runtimeDir" | "connectTimeoutMs" | "onStdio" | "signal"
> {
  /** What {@link PluginProcess.reattachInfo} of its first host or of the plugin said. */
  readonly info: ReattachInfo;
}

/**
 * Connect to a plugin that another host has started, or nobody.
 *
 * The process is proved to be the one that is meant; a pid that was given away again is refused. When this fails, the plugin goes on.
 *
 * @throws {HostError} `PLUGIN_OPTIONS_INVALID`, `APP_VERSION_MISMATCH`, `PLUGIN_GONE`, `CONNECT_FAILED`, `PLUGIN_EXITED`, `NOT_SUPPORTED`
 *   where there is no /proc
 * @throws `signal.reason` when aborted
 */
export async function reattachPlugin(options: ReattachOptions): Promise<PluginProcess> {
  const { info, appVersions, connectTimeoutMs = timeouts.connectMs, onStdio, signal } = options;
  signal?.throwIfAborted();
  assertReattachInfo(info);
  if (!appVersions.includes(info.appVersion)) {
    const message = `plugin speaks application protocol version ${info.appVersion}, this host [${appVersions.join(", ")}]`;
    throw new HostError("APP_VERSION_MISMATCH", message);
  }
  const child = AttachedProcess.find(info);
  try {
    const credentials = credentialsOf(info);
    const sockets = await openSocketDirectory(info, options.runtimeDir);
    // The plugin's own directory stays for as long as the plugin does.
    const cleanUpAfterDetaching = async (): Promise<void> => {
      if (info.socketDirectory === undefined) await sockets[Symbol.asyncDispose]();
    };
    const target = { address: info.address, credentials, socketDirectory: sockets.path };
    const link = await openLink(child, {
      createTransport: async () => createClassicTransport(target),
      connectTimeoutMs,
      onStdio,
      signal,
    }).catch(async (error: unknown) => {
      await cleanUpAfterDetaching();
      throw error;
    });
    const cleanUp = async (): Promise<void> => {
      await sockets[Symbol.asyncDispose]();
      await removeLeftSocket(info.address);
    };
    return new ConnectedPlugin({
      child,
      link,
      sockets,
      address: info.address,
      appVersion: info.appVersion,
      cleanUp,
      cleanUpAfterDetaching,
      isTest: info.isTest ?? false,
      reattachInfo: () => info,
    });
  } catch (error) {
    child.release("reattaching failed");
    throw error;
  }
}

async function openSocketDirectory(info: ReattachInfo, runtimeDir: string): Promise<SocketDirectory> {
  return info.socketDirectory === undefined
    ? SocketDirectory.create(runtimeDir)
    : SocketDirectory.adopt(info.socketDirectory);
}

function credentialsOf({ tls }: ReattachInfo): LinkCredentials {
  try {
    return createCredentials(tls);
  } catch (cause) {
    throw new HostError("PLUGIN_OPTIONS_INVALID", "reattach info, tls: a key or certificate cannot be read", { cause });
  }
}
