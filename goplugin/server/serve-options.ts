import type { Server } from "@grpc/grpc-js";
import { HostError } from "@executor-host/proto/shared/error";
import type { MutualTls } from "../tls/credentials.ts";
import type { Broker } from "../broker/broker.ts";
import type { PluginLogger } from "./plugin-logger.ts";

/** What a version of the application protocol is registered with. */
export interface PluginContext {
  readonly server: Server;
  readonly broker: Broker;
}

/** Why a plugin stops: the host's Shutdown call, the host's end, or `close()`. */
export type CloseReason = "shutdown" | "host-gone" | "closed";

export interface ServeOptions {
  /** Key and value are the application's; a check against running the program by hand, not a secret. */
  readonly magicCookie: { readonly key: string; readonly value: string };
  /** What to serve by application protocol version; the highest that the host offers is registered, no other. */
  readonly versions: Readonly<Record<number, (context: PluginContext) => void>>;
  /** Takes this library's own remarks, default a hclog logger on stderr named `plugin`. */
  readonly logger?: PluginLogger;
  /** Called once, while the server still serves: finish or abort what runs. Waited for, but no longer than 1.5 seconds. */
  readonly onShutdown?: (reason: CloseReason) => Promise<void>;
  /** Stop when the host is gone, default true. */
  readonly hostWatch?: boolean;
  /** What to listen on, default `unix`, and `tcp` on Windows. TCP is on the loopback interface: any local user can connect, so mind TLS. */
  readonly network?: "unix" | "tcp";
  /** TLS of your own in place of the host's AutoMTLS; the handshake line carries no certificate then. For hosts that have the same. */
  readonly tls?: MutualTls;
  /**
   * Test mode, default false: serve without having been launched, in a test or a debugger, and let hosts reattach with
   * {@link PluginServer.reattachInfo}. There is no cookie, handshake line, host watch, AutoMTLS or multiplexing then, the environment is left
   * alone, output is captured only on request, and of several versions the highest is served.
   */
  readonly test?: boolean;
  /** Send writes to `process.stdout` and `process.stderr` to the host's stdio stream, default true, and false in test mode. */
  readonly captureStdio?: boolean;
}

/** @throws {HostError} `PLUGIN_OPTIONS_INVALID` */
export function assertServeOptions(options: ServeOptions): void {
  if (options.magicCookie.key === "" || options.magicCookie.value === "") {
    throw new HostError("PLUGIN_OPTIONS_INVALID", "magicCookie needs a key and a value: at least one is empty", {
      hint: "take both from the host that the plugin is for",
    });
  }
  if (Object.keys(options.versions).length === 0) {
    throw new HostError("PLUGIN_OPTIONS_INVALID", "versions is empty", { hint: "serve at least one protocol version" });
  }
}

/** @throws {HostError} `NOT_LAUNCHED_AS_PLUGIN`, with a message of three lines for whoever ran the program by hand */
export function assertLaunchedAsPlugin(options: ServeOptions, environment: NodeJS.ProcessEnv): void {
  const { key, value } = options.magicCookie;
  if (environment[key] === value) return;
  const message = [
    "This program is a plugin: it does nothing when run by hand",
    "Put it where its host looks for plugins; the host starts it and talks to it",
    `(The host did not introduce itself: ${key} is ${environment[key] === undefined ? "not set" : "not what it should be"})`,
  ].join("\n");
  throw new HostError("NOT_LAUNCHED_AS_PLUGIN", message);
}
