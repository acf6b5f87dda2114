import { Metadata, status, type Channel, type ClientOptions, type Interceptor, type ServiceError } from "@grpc/grpc-js";
import { GRPCControllerClient } from "@executor-host/proto/goplugin";
import { HostError } from "@executor-host/proto/shared/error";
import { fromStatus } from "@executor-host/proto/shared/status";
import type { Broker } from "../broker/broker.ts";
import type { Address } from "../protocol/address.ts";
import { timeouts } from "../protocol/defaults.ts";
import type { ReattachInfo } from "../protocol/reattach-info.ts";
import { settledWithin } from "../protocol/wait.ts";
import { exitInterceptor } from "./exit-interceptor.ts";
import { linkClient, unaryCall, type ClientConstructor } from "./grpc-call.ts";
import { checkHealth } from "./health-check.ts";
import type { PluginExit } from "./plugin-exit.ts";
import type { PluginLink } from "./plugin-link.ts";
import type { ProcessHandle } from "./process-handle.ts";
import type { SocketDirectory } from "./socket-directory.ts";

/** A plugin that runs, and the connection to it. Disposing of it is {@link stop}. */
export interface PluginProcess extends AsyncDisposable {
  readonly pid: number;
  /** The application protocol version the plugin chose. */
  readonly appVersion: number;
  readonly startedAt: Date;
  /** Where it serves. */
  readonly address: Address;
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
   * @param options.timeoutMs default 5_000; `Infinity` leaves the waiting to `signal`, which no jump of the clock disturbs
   * @throws {HostError} `PLUGIN_EXITED`, `DEADLINE_EXCEEDED`, `NOT_SUPPORTED`, `CONNECT_FAILED`
   */
  ping(options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<void>;
  /**
   * Ask the process to end, then make it: Shutdown call, `graceMs`, SIGTERM, `terminateMs`, SIGKILL to the group. Idempotent; a second call
   * joins the first. A plugin in test mode is not ended but let go, as {@link detach} does; so with {@link kill}.
   *
   * @throws {HostError} `DEADLINE_EXCEEDED` when the process is still there long after SIGKILL
   */
  stop(options?: StopOptions): Promise<PluginExit>;
  /** SIGKILL to the whole process group, now. Also ends a {@link stop} in flight. Throws as that does. */
  kill(options?: { reason?: string }): Promise<PluginExit>;
  /**
   * What another host needs to take over, now or after the end of this one; see `survivesHost`. Holds the key when TLS is on: keep it as
   * you keep secrets.
   *
   * @throws {HostError} `NOT_SUPPORTED` for a multiplexed plugin
   */
  reattachInfo(): ReattachInfo;
  /** Close the connection and let the plugin go on, for another host. Idempotent; afterwards it counts as ended here. */
  detach(): Promise<void>;
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
  readonly child: ProcessHandle;
  readonly link: PluginLink;
  readonly sockets: SocketDirectory;
  readonly address: Address;
  readonly appVersion: number;
  /** Removes what this host has made for the plugin, once that has ended. */
  readonly cleanUp: () => Promise<void>;
  /** Removes what this host has made for itself alone, once the plugin was let go. */
  readonly cleanUpAfterDetaching: () => Promise<void>;
  /** The plugin serves in test mode: it is never ended. */
  readonly isTest: boolean;
  readonly reattachInfo: () => ReattachInfo;
}

export class ConnectedPlugin implements PluginProcess {
  readonly appVersion: number;
  readonly address: Address;
  readonly exited: Promise<PluginExit>;
  readonly clientOptions: { channelOverride: Channel; interceptors: Interceptor[] };
  readonly reattachInfo: () => ReattachInfo;
  readonly #child: ProcessHandle;
  readonly #link: PluginLink;
  readonly #sockets: SocketDirectory;
  readonly #isTest: boolean;
  #isDetached = false;
  #stopping: Promise<PluginExit> | undefined;

  constructor(parts: PluginProcessParts) {
    this.#child = parts.child;
    this.#link = parts.link;
    this.#sockets = parts.sockets;
    this.#isTest = parts.isTest;
    this.reattachInfo = parts.reattachInfo;
    this.appVersion = parts.appVersion;
    this.address = parts.address;
    this.clientOptions = {
      channelOverride: parts.link.channel,
      interceptors: [exitInterceptor(parts.child, parts.link.channel)],
    };
    this.exited = this.#afterExit(parts);
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
    const deadline = timeoutMs === Infinity ? undefined : new Date(Date.now() + timeoutMs);
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

  async detach(reason = "let go"): Promise<void> {
    this.#isDetached = true;
    this.#child.release(reason);
    await this.exited;
  }

  async kill(options: { reason?: string } = {}): Promise<PluginExit> {
    if (this.#isTest) return this.#letGo();
    this.#child.expectExit(options.reason ?? "killed");
    await this.#child.kill();
    return this.exited;
  }

  killSync(): void {
    if (this.#isTest) return;
    this.#child.expectExit("killed with its host");
    this.#child.killSync();
    this.#sockets.removeSync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(options: StopOptions): Promise<PluginExit> {
    const { graceMs = timeouts.graceMs, terminateMs = timeouts.terminateMs, reason = "stopped" } = options;
    if (this.#isTest) return this.#letGo();
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

  async #afterExit({ cleanUp, cleanUpAfterDetaching }: PluginProcessParts): Promise<PluginExit> {
    await this.#child.ended;
    const [exit] = await Promise.all([this.#child.exited, this.#link.close()]);
    await (this.#isDetached ? cleanUpAfterDetaching() : cleanUp());
    return exit;
  }

  async #letGo(): Promise<PluginExit> {
    await this.detach("let go: it serves in test mode");
    return this.exited;
  }
}
