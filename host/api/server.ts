import { setTimeout as sleep } from "node:timers/promises";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthService } from "@executor-host/proto/health";
import type { Logger } from "../log/logger.ts";
import { createHealthService, type Readiness } from "./health-service.ts";
import { createHostService, hostServiceDefinition, type HostServiceOptions } from "./host-service.ts";
import { listen, type Door } from "./listen.ts";
import { addReflection } from "./reflection.ts";
import { timeouts } from "../timeouts.ts";

export interface ApiOptions extends HostServiceOptions {
  readonly addresses: readonly string[];
  readonly readiness: Readiness;
  /** Largest request; configs have a smaller limit of their own, with a better message. */
  readonly maxRequestBytes: number;
  readonly logger: Logger;
}

/** The host's doors: its gRPC services on its addresses. */
export class ApiServer implements AsyncDisposable {
  readonly addresses: readonly string[];
  readonly #server: Server;
  readonly #doors: readonly Door[];

  private constructor(server: Server, doors: readonly Door[]) {
    this.#server = server;
    this.#doors = doors;
    this.addresses = doors.map((door) => door.address);
  }

  /** @throws {HostError} `LISTEN_REFUSED`, `LISTEN_FAILED`; then nothing is bound */
  static async start(options: ApiOptions): Promise<ApiServer> {
    const server = new Server({
      "grpc.max_receive_message_length": options.maxRequestBytes,
      "grpc.max_send_message_length": -1,
    });
    server.addService(hostServiceDefinition, createHostService(options));
    server.addService(HealthService, createHealthService(options.readiness));
    addReflection(server);
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    await using opened = new AsyncDisposableStack();
    const doors: Door[] = [];
    for (const address of options.addresses) doors.push(opened.use(await listen(injector, address)));
    opened.move();
    return new ApiServer(server, doors);
  }

  /** Let calls that are about to end do so, then cut all connections and remove the sockets. */
  async [Symbol.asyncDispose](): Promise<void> {
    const over = new AbortController();
    const ended = Promise.all(this.#doors.map((door) => door.close()));
    // Asks every caller to leave when its calls have ended. When that is so, the sockets know better than gRPC.
    this.#server.tryShutdown(() => undefined);
    await Promise.race([ended, sleep(timeouts.lastWordsMs, undefined, { signal: over.signal }).catch(() => undefined)]);
    over.abort();
    this.#server.forceShutdown();
    await Promise.all(this.#doors.map((door) => door[Symbol.asyncDispose]()));
  }
}
