import { Metadata, status, type Channel, type ClientOptions, type Interceptor, type ServiceError } from "@grpc/grpc-js";
import { GRPCControllerClient } from "@executor-host/proto/goplugin";
import { HostError } from "@executor-host/proto/shared/error";
import { fromStatus } from "@executor-host/proto/shared/status";
import type { Broker } from "../broker/broker.ts";
import { timeouts } from "../protocol/defaults.ts";
import { settledWithin } from "../protocol/wait.ts";
import { exitInterceptor } from "./exit-interceptor.ts";
import { linkClient, unaryCall, type ClientConstructor } from "./grpc-call.ts";
import { checkHealth } from "./health-check.ts";
import type { PluginChild } from "./plugin-child.ts";
import type { PluginExit } from "./plugin-exit.ts";
import type { PluginLink } from "./plugin-link.ts";
import type { SocketDirectory } from "./socket-directory.ts";

/** A plugin that runs, and the connection to it. Disposing of it is {@link stop}. */
export interface PluginProcess extends AsyncDisposable {
  readonly pid: number;
  /** The application protocol version the plugin chose. */
  readonly appVersion: number;
  readonly startedAt: Date;
  /** The one connection, for all services: pass {@link clientOptions} to a client of your own. Closed when the process ends. */
  readonly channel: Channel;
  /** The channel and the interceptor that turns a broken connection into `PLUGIN_EXITED`. Never close a client made with it: the channel is shared. */
  readonly clientOptions: Pick<ClientOptions, "channelOverride" | "interceptors">;
  readonly broker: Broker;
  /** How the process ended. Never rejects. Calls have failed, the group is gone and the sockets are removed by then. */
  readonly exited: Promise<PluginExit>;
  /** True from the exit event on. */
  readonly hasExited: boolean;
  /** A client of one of the plugin's services. Never close it: the channel is shared. */
  client<T>(Constructor: ClientConstructor<T>): T;
  /**
   * Health check; a plugin that answers anything is well, as with go-plugin.
   *
   * @throws {HostError} `PLUGIN_EXITED`, `DEADLINE_EXCEEDED`, `NOT_SUPPORTED`, `CONNECT_FAILED`
   */
  ping(options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<void>;
  /**
   * Ask the process to end, then make it: Shutdown call, `graceMs`, SIGTERM, `terminateMs`, SIGKILL to the group. Idempotent; a second call
   * joins the first.
   *
   * @throws {HostError} `DEADLINE_EXCEEDED` when the process is still there long after SIGKILL
   */
  stop(options?: StopOptions): Promise<PluginExit>;
  /** SIGKILL to the whole process group, now. Also ends a {@link stop} in flight. Throws as that does. */
  kill(options?: { reason?: string }): Promise<PluginExit>;
  /** SIGKILL and removal of the sockets without waiting, for a `process.on("exit")` hook. */
  killSync(): void;
}

export interface StopOptions {
  /** From the Shutdown call to SIGTERM, default 5_000; 0 sends both at once. */
  readonly graceMs?: number;
  /** From SIGTERM to SIGKILL, default 2_000. */
  readonly terminateMs?: number;
  /** Told in {@link PluginExit.reason}, default `stopped`. */
  readonly reason?: string;
}

export interface PluginProcessParts {
  readonly child: PluginChild;
  readonly link: PluginLink;
  readonly sockets: SocketDirectory;
  readonly appVersion: number;
  /** Removes what the process leaves behind. */
  readonly cleanUp: () => Promise<void>;
}

export class LaunchedPlugin implements PluginProcess {
  readonly appVersion: number;
  readonly exited: Promise<PluginExit>;
  readonly clientOptions: { channelOverride: Channel; interceptors: Interceptor[] };
  readonly #child: PluginChild;
  readonly #link: PluginLink;
  readonly #sockets: SocketDirectory;
  #stopping: Promise<PluginExit> | undefined;

  constructor(parts: PluginProcessParts) {
    this.#child = parts.child;
    this.#link = parts.link;
    this.#sockets = parts.sockets;
    this.appVersion = parts.appVersion;
    this.clientOptions = {
      channelOverride: parts.link.channel,
      interceptors: [exitInterceptor(parts.child, parts.link.channel)],
    };
    this.exited = this.#afterExit(parts.cleanUp);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get startedAt(): Date {
    return this.#child.startedAt;
  }

  get channel(): Channel {
    return this.#link.channel;
  }

  get broker(): Broker {
    return this.#link.broker;
  }

  get hasExited(): boolean {
    return this.#child.hasExited;
  }

  client<T>(Constructor: ClientConstructor<T>): T {
    return linkClient(Constructor, this.channel, this.clientOptions.interceptors);
  }

  async ping(options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs = timeouts.pingMs, signal } = options;
    const deadline = new Date(Date.now() + timeoutMs);
    try {
      await checkHealth(this.channel, { deadline, signal, interceptors: this.clientOptions.interceptors });
    } catch (error) {
      signal?.throwIfAborted();
      const known = fromStatus(error as ServiceError);
      if (known.code !== "HOST_UNREACHABLE") throw known;
      throw new HostError("CONNECT_FAILED", `plugin does not answer: ${known.message}`, { cause: error });
    }
  }

  stop(options: StopOptions = {}): Promise<PluginExit> {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  async kill(options: { reason?: string } = {}): Promise<PluginExit> {
    this.#child.expectExit(options.reason ?? "killed");
    await this.#child.kill();
    return this.exited;
  }

  killSync(): void {
    this.#child.expectExit("killed with its host");
    this.#child.killSync();
    this.#sockets.removeSync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(options: StopOptions): Promise<PluginExit> {
    const { graceMs = timeouts.graceMs, terminateMs = timeouts.terminateMs, reason = "stopped" } = options;
    this.#child.expectExit(reason);
    this.#child.noteStep("shutdown");
    const { promise: refused, resolve: refuse } = Promise.withResolvers<void>();
    void this.#canShutDown(graceMs).then((can) => can || refuse());
    await settledWithin(Promise.race([this.#child.ended, refused]), graceMs);
    await this.#child.terminate(terminateMs);
    return this.exited;
  }

  /** Ask the plugin to shut down. @returns false when it has no such service: waiting for its end would be in vain */
  async #canShutDown(timeoutMs: number): Promise<boolean> {
    const controller = linkClient(GRPCControllerClient, this.channel);
    const deadline = new Date(Date.now() + timeoutMs);
    try {
      await unaryCall((callback) => controller.shutdown({}, new Metadata(), { deadline }, callback));
    } catch (error) {
      // A Go plugin stops inside the call and never answers: any other failure is as good as an answer.
      return (error as ServiceError).code !== status.UNIMPLEMENTED;
    }
    return true;
  }

  async #afterExit(cleanUp: () => Promise<void>): Promise<PluginExit> {
    await this.#child.ended;
    const [exit] = await Promise.all([this.#child.exited, this.#link.close()]);
    await cleanUp();
    return exit;
  }
}
