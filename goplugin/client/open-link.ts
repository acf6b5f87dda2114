import { HostError } from "@executor-host/proto/shared/error";
import { waitForConnection } from "./connect.ts";
import type { LaunchOptions } from "./launch-options.ts";
import type { LinkTransport } from "./link-transport.ts";
import { PluginLink } from "./plugin-link.ts";
import type { ProcessHandle } from "./process-handle.ts";

export interface OpenLinkOptions {
  readonly createTransport: (options: { deadline: Date; signal: AbortSignal }) => Promise<LinkTransport>;
  readonly connectTimeoutMs: number;
  readonly onStdio: LaunchOptions["onStdio"];
  readonly signal: AbortSignal | undefined;
}

/**
 * Connect to a plugin, unless its process ends first. A link that cannot be connected is closed.
 *
 * @throws {HostError} `CONNECT_FAILED`, `PLUGIN_EXITED`
 * @throws `signal.reason` when aborted
 */
export async function openLink(child: ProcessHandle, options: OpenLinkOptions): Promise<PluginLink> {
  const { createTransport, connectTimeoutMs, onStdio, signal } = options;
  const ended = new AbortController();
  const error = new HostError("PLUGIN_EXITED", "plugin ended before it could be connected to");
  void child.ended.then(() => ended.abort(error));
  const deadline = new Date(Date.now() + connectTimeoutMs);
  const givenUp = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
  const transport = await createTransport({ deadline, signal: givenUp });
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
