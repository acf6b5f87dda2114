import type { Server } from "@grpc/grpc-js";
import type { Broker, LinkBroker } from "../broker/broker.ts";
import { lifelineVariable, scrubEnvironmentInPlace, variables } from "../protocol/environment.ts";
import { formatHandshake } from "../protocol/handshake.ts";
import { timeouts } from "../protocol/defaults.ts";
import { identifyProcess } from "../protocol/process-identity.ts";
import type { ReattachInfo } from "../protocol/reattach-info.ts";
import { negotiateVersion, parseVersionList } from "../protocol/versions.ts";
import { settledWithin, WaitTimeout, within } from "../protocol/wait.ts";
import { createCredentials } from "../tls/credentials.ts";
import type { Listener } from "../transport/listen.ts";
import { addBrokerService } from "./broker-service.ts";
import { addControllerService } from "./controller-service.ts";
import { addHealthService } from "./health-service.ts";
import { watchHost } from "./host-watch.ts";
import { listenPlace } from "./listen-place.ts";
import { createLogger, type PluginLogger } from "./plugin-logger.ts";
import { pluginTls } from "./plugin-tls.ts";
import { assertLaunchedAsPlugin, assertServeOptions, type CloseReason, type ServeOptions } from "./serve-options.ts";
import { createServerTransport, multiplexWish } from "./server-transport.ts";
import { captureStdio } from "./stdio-capture.ts";
import { StdioRelay } from "./stdio-service.ts";

/** A plugin that serves its host. */
export interface PluginServer extends AsyncDisposable {
  /** The application protocol version both sides use. */
  readonly appVersion: number;
  readonly broker: Broker;
  /** Why the plugin stopped serving. Never rejects. The program should end now. */
  readonly closed: Promise<CloseReason>;
  /** Stop serving: `onShutdown`, then servers and sockets. Idempotent. */
  close(): Promise<void>;
  /** Unlink this plugin's sockets at once, for an exit hook. */
  removeSockets(): void;
  /** What a host needs to reattach. It says nothing of TLS: add keys of your own if you serve with {@link ServeOptions.tls}. */
  reattachInfo(): ReattachInfo;
}

/**
 * Serve as a go-plugin plugin: check the cookie, agree on a version, listen, and print the handshake line.
 *
 * Takes over this process's stdout, stderr and stdin (see the options) and removes the protocol's variables from `process.env`. Signals and
 * exit are the caller's: ignore SIGINT, which a terminal also sends to the host, close on SIGTERM, exit after `closed`.
 *
 * @throws {HostError} `NOT_LAUNCHED_AS_PLUGIN`, `PLUGIN_OPTIONS_INVALID`, `CERTIFICATE_INVALID`, `ADDRESS_INVALID`, `LISTEN_FAILED`
 */
export async function servePlugin(options: ServeOptions): Promise<PluginServer> {
  assertServeOptions(options);
  const { test = false, captureStdio: isCaptured = !test, hostWatch = !test } = options;
  const environment = test ? testEnvironment(process.env) : takeEnvironment(options);

  const logger = options.logger ?? createLogger({ name: "plugin" });
  const printLine = process.stdout.write.bind(process.stdout);
  // From here on, so that a stray print cannot come before the handshake line.
  const relay = new StdioRelay();
  using capture = new DisposableStack();
  if (isCaptured) capture.use(captureStdio(relay));
  // A host that is gone must not end this process by a broken pipe before it has cleaned up.
  if (!test) for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

  const own = Object.keys(options.versions).map(Number);
  const { versions, rejected } = parseVersionList(environment[variables.protocolVersions]);
  if (rejected.length > 0) logger.warn("host offers versions that are no integers", { versions: rejected });
  const appVersion = negotiateVersion(own, test ? own : versions);
  const autoTls = options.tls === undefined ? pluginTls(environment) : undefined;
  const tls = options.tls ?? autoTls;
  const multiplex = multiplexWish(environment);
  const place = listenPlace(environment, options.network);
  const transport = createServerTransport(place, createCredentials(tls), multiplex ?? false);
  const { broker } = transport;
  const plugin = new Plugin({ appVersion, broker, relay, logger, onShutdown: options.onShutdown, isTest: test });
  const listener = await transport.listen((server) => {
    plugin.addServices(server);
    options.versions[appVersion]?.({ server, broker });
  });
  plugin.start(listener, capture.move());
  if (test) return plugin;
  await using started = new AsyncDisposableStack();
  started.use(plugin);
  if (hostWatch) plugin.watch(environment[lifelineVariable]);

  const line = formatHandshake({
    appVersion,
    address: listener.address,
    certificate: autoTls?.identity.certificateDer,
    multiplex,
  });
  await new Promise<void>((resolve) => printLine(line, () => resolve()));
  started.move();
  return plugin;
}

/** The variables of a launch. Nobody else is to see the protocol's. */
function takeEnvironment(options: ServeOptions): NodeJS.ProcessEnv {
  assertLaunchedAsPlugin(options, process.env);
  const environment = { ...process.env };
  scrubEnvironmentInPlace(process.env, options.magicCookie.key);
  return environment;
}

/** What test mode heeds of somebody else's environment: where to put sockets. */
function testEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { socketDirectory, socketGroup, minPort, maxPort } = variables;
  return Object.fromEntries([socketDirectory, socketGroup, minPort, maxPort].map((name) => [name, environment[name]]));
}

interface PluginParts {
  readonly appVersion: number;
  readonly broker: LinkBroker;
  readonly relay: StdioRelay;
  readonly logger: PluginLogger;
  readonly onShutdown: ServeOptions["onShutdown"];
  readonly isTest: boolean;
}

class Plugin implements PluginServer {
  readonly appVersion: number;
  readonly broker: LinkBroker;
  readonly closed: Promise<CloseReason>;
  readonly #parts: PluginParts;
  readonly #resolveClosed: (reason: CloseReason) => void;
  readonly #cleanUp = new DisposableStack();
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;

  constructor(parts: PluginParts) {
    this.#parts = parts;
    this.appVersion = parts.appVersion;
    this.broker = parts.broker;
    const { promise, resolve } = Promise.withResolvers<CloseReason>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  addServices(server: Server): void {
    addHealthService(server);
    addBrokerService(server, this.broker);
    addControllerService(server, () => void this.#stop("shutdown"));
    this.#parts.relay.addTo(server);
  }

  start(listener: Listener, capture: Disposable): void {
    this.#listener = listener;
    this.#cleanUp.use(capture);
  }

  watch(lifeline: string | undefined): void {
    this.#cleanUp.use(watchHost(lifeline, () => void this.#stop("host-gone")));
  }

  close(): Promise<void> {
    return this.#stop("closed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  removeSockets(): void {
    this.broker.closeSync();
    this.#listener?.closeSync();
  }

  reattachInfo(): ReattachInfo {
    if (this.#listener === undefined) throw new TypeError("the plugin does not listen yet");
    const { address } = this.#listener;
    const { appVersion, isTest } = this.#parts;
    const identity = identifyProcess(process.pid);
    return { address, appVersion, pid: process.pid, isTest, ...(identity && { identity }) };
  }

  #stop(reason: CloseReason): Promise<void> {
    this.#stopping ??= this.#stopOnce(reason);
    return this.#stopping;
  }

  async #stopOnce(reason: CloseReason): Promise<void> {
    const { onShutdown, logger, relay } = this.#parts;
    logger.debug("plugin stops", { reason });
    try {
      if (onShutdown !== undefined) await within(onShutdown(reason), { timeoutMs: timeouts.cleanUpMs });
    } catch (error) {
      const problem = error instanceof WaitTimeout ? "clean-up is not finished in time" : "clean-up failed";
      logger.error(problem, { limitMs: timeouts.cleanUpMs, error });
    }
    await settledWithin(relay.end(), timeouts.flushMs);
    if (relay.droppedBytes > 0) logger.warn("output was dropped as no host read it", { bytes: relay.droppedBytes });
    this.#cleanUp.dispose();
    await this.broker.close();
    await this.#listener?.close({ drainMs: timeouts.flushMs });
    this.#resolveClosed(reason);
  }
}
