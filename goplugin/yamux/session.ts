import type { Duplex } from "node:stream";
import { HostError, isHostError, messageOf } from "@executor-host/proto/shared/error";
import { yamuxDefaults } from "../protocol/defaults.ts";
import { WaitTimeout, within } from "../protocol/wait.ts";
import {
  encodeHeader,
  flag,
  frameType,
  FrameReader,
  goAwayReason,
  headerBytes,
  violation,
  type FrameHeader,
  type GoAwayReason,
} from "./frame.ts";
import { YamuxStream, type StreamSession } from "./stream.ts";

/** Who opened the connection: its streams have odd numbers, those of the server even ones. */
export type YamuxRole = "client" | "server";

/** Any of the defaults, with another value. */
export type YamuxOptions = Partial<Record<keyof typeof yamuxDefaults, number>>;

const lastStreamId = 2 ** 32 - 2;

/**
 * Many streams over one connection, opened by either side.
 *
 * Source: hashicorp/yamux, spec.md. Stricter than Go's: a stream of the wrong parity and a window that overflows are violations, too. A
 * violation is answered with go-away and the end of the connection.
 */
export class YamuxSession implements AsyncDisposable {
  /** Why the session ended: undefined when this side closed it. Never rejects. */
  readonly closed: Promise<HostError | undefined>;
  readonly #connection: Duplex;
  readonly #limits: Record<keyof typeof yamuxDefaults, number>;
  readonly #streams = new Map<number, YamuxStream>();
  /** Opened here and not acknowledged yet, with the timer that gives up. */
  readonly #opening = new Map<YamuxStream, NodeJS.Timeout>();
  readonly #closing = new Map<YamuxStream, NodeJS.Timeout>();
  readonly #arrived: YamuxStream[] = [];
  readonly #pings = new Map<number, PromiseWithResolvers<void>>();
  readonly #keepAlive: NodeJS.Timeout;
  readonly #resolveClosed: (error: HostError | undefined) => void;
  #changed = Promise.withResolvers<void>();
  #nextStreamId: number;
  #nextPing = 0;
  #unreadControlBytes = 0;
  #isCorked = false;
  #goneAway: "none" | "here" | "there" = "none";
  #isClosed = false;

  /** @param connection is this session's own from now on */
  constructor(connection: Duplex, role: YamuxRole, options: YamuxOptions = {}) {
    this.#connection = connection;
    this.#limits = { ...yamuxDefaults, ...options };
    this.#nextStreamId = role === "client" ? 1 : 2;
    const { promise, resolve } = Promise.withResolvers<HostError | undefined>();
    this.closed = promise;
    this.#resolveClosed = resolve;

    const reader = new FrameReader({
      onHeader: (header) => this.#onHeader(header),
      onPayload: ({ streamId }, piece) => this.#streams.get(streamId)?.onPayload(piece),
      onEnd: (header) => this.#onEnd(header),
    });
    connection.on("data", (bytes: Buffer) => {
      if (this.#isClosed) return;
      try {
        reader.write(bytes);
      } catch (error) {
        this.#fail(isHostError(error) ? error : violation(messageOf(error)), goAwayReason.protocolError);
      }
    });
    connection.on("error", (error) => this.#fail(connectionLost(error)));
    for (const event of ["end", "close"]) connection.on(event, () => this.#fail(connectionLost()));
    this.#keepAlive = setInterval(() => void this.#checkPeer(), this.#limits.keepAliveMs).unref();
  }

  /** Streams that are open on at least one side. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /**
   * Open a stream. It can be written to at once; too many that the other side has not accepted yet make this wait.
   *
   * @throws {HostError} `CONNECT_FAILED` when the session is closed or the other side takes no more
   */
  async open(): Promise<YamuxStream> {
    while (this.#opening.size >= this.#limits.backlog && !this.#isClosed) await this.#changed.promise;
    if (this.#isClosed) throw cannotOpen("the connection is closed");
    if (this.#goneAway === "there") throw cannotOpen("the other side takes no more");
    if (this.#streams.size >= this.#limits.maxStreams) throw cannotOpen(`${this.#limits.maxStreams} are open`);
    if (this.#nextStreamId > lastStreamId) throw cannotOpen("all numbers are used up");
    const stream = this.#addStream(this.#nextStreamId);
    this.#nextStreamId += 2;
    const limitMs = this.#limits.openMs;
    const timer = setTimeout(() => stream.reset(cannotOpen(`no answer within ${limitMs} ms`)), limitMs);
    this.#opening.set(stream, timer.unref());
    stream.announce(flag.syn);
    return stream;
  }

  /** The next stream that the other side opens; undefined when the session has ended. */
  async accept(): Promise<YamuxStream | undefined> {
    for (;;) {
      const stream = this.#arrived.shift();
      if (stream?.destroyed) continue;
      stream?.announce(flag.ack);
      if (stream !== undefined || this.#isClosed) return stream;
      await this.#changed.promise;
    }
  }

  /**
   * Ask the other side for a sign of life.
   *
   * @returns the round trip in milliseconds
   * @throws {HostError} `CONNECT_FAILED` when there is none in time, or the session has ended
   */
  async ping(): Promise<number> {
    const value = this.#nextPing;
    this.#nextPing = (value + 1) >>> 0;
    const answer = Promise.withResolvers<void>();
    this.#pings.set(value, answer);
    const startedMs = performance.now();
    const timeoutMs = this.#limits.keepAliveTimeoutMs;
    try {
      if (this.#isClosed) throw connectionLost();
      this.send({ type: frameType.ping, flags: flag.syn, streamId: 0, length: value });
      await within(answer.promise, { timeoutMs });
      return performance.now() - startedMs;
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
      throw new HostError("CONNECT_FAILED", `multiplexed connection: no answer to a ping within ${timeoutMs} ms`);
    } finally {
      this.#pings.delete(value);
    }
  }

  /** Take no more streams from the other side; those that are open go on. */
  goAway(): void {
    if (this.#goneAway === "none") this.#goneAway = "here";
    this.#sendGoAway(goAwayReason.normal);
  }

  /** Close every stream and the connection, with a word to the other side. Idempotent. */
  async close(): Promise<void> {
    this.#end(undefined, goAwayReason.normal);
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For streams only: a frame after those that were sent before. */
  readonly send: StreamSession["send"] = (header, payload, done) => {
    if (this.#isClosed) {
      done?.(connectionLost());
      return;
    }
    this.#cork();
    if (payload === undefined) {
      this.#sendControl(header);
    } else {
      this.#connection.write(encodeHeader(header));
      this.#connection.write(payload, done);
    }
  };

  /** For streams only. */
  onHalfClosed(stream: YamuxStream): void {
    this.#settleOpening(stream);
    if (this.#isClosed || this.#closing.has(stream)) return;
    const timer = setTimeout(() => stream.reset(), this.#limits.closeMs);
    this.#closing.set(stream, timer.unref());
  }

  /** For streams only. */
  onClosed(stream: YamuxStream): void {
    this.#settleOpening(stream);
    clearTimeout(this.#closing.get(stream));
    this.#closing.delete(stream);
    this.#streams.delete(stream.id);
  }

  /** Unlike data, these frames wait for nobody, and the other side may ask for them as it likes. */
  #sendControl(header: FrameHeader): void {
    this.#unreadControlBytes += headerBytes;
    this.#connection.write(encodeHeader(header), () => (this.#unreadControlBytes -= headerBytes));
    if (this.#unreadControlBytes <= this.#limits.unreadControlBytes) return;
    this.#fail(violation("the other side asks without reading the answers"));
  }

  /** What is sent in one tick leaves in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#connection.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#connection.uncork();
    });
  }

  #onHeader(header: FrameHeader): void {
    if (this.#isClosed) return;
    if (header.type === frameType.ping) this.#onPing(header);
    else if (header.type === frameType.goAway) this.#onGoAway(header);
    else this.#onStreamHeader(header);
  }

  #onEnd({ streamId, flags }: FrameHeader): void {
    if (streamId !== 0 && (flags & flag.fin) !== 0) this.#streams.get(streamId)?.onFin();
  }

  #onStreamHeader(header: FrameHeader): void {
    const { streamId, flags } = header;
    if (streamId === 0) throw violation("data for stream 0, which is the session itself");
    if ((flags & flag.syn) !== 0) this.#onOpened(streamId);
    // Unknown ones were reset here a moment ago, and their data is dropped.
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if ((flags & flag.ack) !== 0) this.#settleOpening(stream);
    stream.onHeader(header);
  }

  #onOpened(streamId: number): void {
    if (this.#streams.has(streamId)) throw violation(`stream ${streamId} was opened twice`);
    if (streamId % 2 === this.#nextStreamId % 2) throw violation(`stream ${streamId} has a number of this side`);
    const isFull = this.#arrived.length >= this.#limits.backlog || this.#streams.size >= this.#limits.maxStreams;
    if (isFull || this.#goneAway === "here") {
      this.send({ type: frameType.windowUpdate, flags: flag.rst, streamId, length: 0 });
      return;
    }
    this.#arrived.push(this.#addStream(streamId));
    this.#notifyChange();
  }

  #onPing({ flags, length }: FrameHeader): void {
    if ((flags & flag.syn) !== 0) this.send({ type: frameType.ping, flags: flag.ack, streamId: 0, length });
    else this.#pings.get(length)?.resolve();
  }

  #onGoAway({ length }: FrameHeader): void {
    if (length !== goAwayReason.normal) throw violation(`the other side ends it for reason ${length}`);
    this.#goneAway = "there";
  }

  #addStream(id: number): YamuxStream {
    const stream = new YamuxStream(this, id);
    this.#streams.set(id, stream);
    return stream;
  }

  #settleOpening(stream: YamuxStream): void {
    clearTimeout(this.#opening.get(stream));
    if (this.#opening.delete(stream)) this.#notifyChange();
  }

  #notifyChange(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #sendGoAway(reason: GoAwayReason): void {
    this.send({ type: frameType.goAway, flags: 0, streamId: 0, length: reason });
  }

  async #checkPeer(): Promise<void> {
    try {
      await this.ping();
    } catch (error) {
      this.#fail(isHostError(error) ? error : connectionLost(error), goAwayReason.internalError);
    }
  }

  #fail(error: HostError, reason?: GoAwayReason): void {
    this.#end(error, reason);
  }

  /** @param reason told to the other side, which may be gone already */
  #end(error: HostError | undefined, reason: GoAwayReason | undefined): void {
    if (this.#isClosed) return;
    if (reason !== undefined) this.#sendGoAway(reason);
    // The word itself may have been one too many.
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#keepAlive);
    for (const timers of [this.#opening, this.#closing]) for (const timer of timers.values()) clearTimeout(timer);
    for (const stream of [...this.#streams.values()]) stream.abandon(error);
    for (const { reject } of this.#pings.values()) reject(error ?? connectionLost());
    this.#streams.clear();
    this.#arrived.length = 0;
    this.#opening.clear();
    this.#closing.clear();
    this.#notifyChange();
    const connection = this.#connection;
    connection.once("finish", () => connection.destroy());
    connection.end();
    setTimeout(() => connection.destroy(), this.#limits.farewellMs).unref();
    this.#resolveClosed(error);
  }
}

function cannotOpen(reason: string): HostError {
  return new HostError("CONNECT_FAILED", `cannot open a stream of the multiplexed connection: ${reason}`);
}

function connectionLost(cause?: unknown): HostError {
  const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
  return new HostError("CONNECT_FAILED", `multiplexed connection is closed${why}`, { cause });
}
