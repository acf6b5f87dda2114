import { Client, credentials, Metadata, status, type Channel, type ServiceError } from "@grpc/grpc-js";
import { StatusUpdateRequest, StatusUpdateResponse } from "@executor-host/proto/dkron/types-v1";
import { messageOf } from "@executor-host/proto/shared/error";
import type { Logger } from "../definition/logger.ts";
import { settledWithin } from "../runtime/wait.ts";
import { limits, timeouts } from "../timeouts.ts";

/** Errors after which further updates make no sense; any other one loses its own piece only. */
const hopeless: ReadonlySet<number> = new Set([status.DEADLINE_EXCEEDED, status.UNAVAILABLE, status.UNIMPLEMENTED]);

/**
 * Live output on its way to Dkron, one call after the other.
 *
 * A slow host slows the job down, as the Go executors do it; one that does not answer at all is given up, and the job goes on.
 */
export class StatusUpdates {
  readonly #client: Client;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #limitMs: number;
  readonly #queue: StatusUpdateRequest[] = [];
  #queuedBytes = 0;
  #sending: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #isGivenUp = false;

  /**
   * @param channel closed in the end
   * @param path full name of the Update method, which differs between Dkron's versions
   * @param limitMs how long one update, and the rest of them at the end, may take
   */
  constructor(channel: Channel, path: string, logger: Logger, limitMs: number = timeouts.statusUpdateMs) {
    this.#client = new Client("status-server", credentials.createInsecure(), { channelOverride: channel });
    this.#path = path;
    this.#logger = logger;
    this.#limitMs = limitMs;
  }

  /** Takes a copy. @returns false: wait for `drained()` */
  push(data: Uint8Array, isStderr: boolean): boolean {
    if (this.#isGivenUp) return true;
    this.#queue.push({ output: Buffer.from(data), error: isStderr });
    this.#queuedBytes += data.length;
    this.#sending ??= this.#send();
    if (this.#queuedBytes < limits.statusBufferBytes) return true;
    this.#room ??= Promise.withResolvers();
    return false;
  }

  drained(): Promise<void> {
    return this.#room?.promise ?? Promise.resolve();
  }

  /** Send what is left, within a limit, and hang up. */
  async close(): Promise<void> {
    if (this.#sending !== undefined) await settledWithin(this.#sending, this.#limitMs);
    this.#giveUp();
    this.#client.close();
  }

  async #send(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const error = await this.#update(next);
      this.#queuedBytes -= next.output.length;
      if (error !== undefined && hopeless.has(error.code)) {
        this.#logger.warn("live output is given up: the host does not take it", { error: messageOf(error) });
        this.#giveUp();
      }
      if (this.#queuedBytes < limits.statusBufferBytes) this.#release();
    }
    this.#sending = undefined;
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#release();
  }

  #release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #update(request: StatusUpdateRequest): Promise<ServiceError | undefined> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        this.#path,
        (value: StatusUpdateRequest) => Buffer.from(StatusUpdateRequest.encode(value).finish()),
        (bytes) => StatusUpdateResponse.decode(bytes),
        request,
        new Metadata(),
        { deadline: Date.now() + this.#limitMs },
        (error) => resolve(error ?? undefined),
      );
    });
  }
}
