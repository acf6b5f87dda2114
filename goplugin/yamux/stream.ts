import { Duplex } from "node:stream";
import { HostError } from "@executor-host/proto/shared/error";
import { yamuxDefaults } from "../protocol/defaults.ts";
import { flag, frameType, violation, type FrameHeader } from "./frame.ts";

const { windowBytes, frameBytes } = yamuxDefaults;
const largestWindow = 2 ** 32 - 1;

/** What a stream needs of its session. */
export interface StreamSession {
  /** Send a frame; `done` is for those with a payload. */
  send(header: FrameHeader, payload?: Buffer, done?: (error?: Error | null) => void): void;
  /** The stream is closed on this side only: nobody reads what comes. */
  onHalfClosed(stream: YamuxStream): void;
  /** The stream is closed on both sides, or was reset. */
  onClosed(stream: YamuxStream): void;
}

/**
 * One stream of a session: a connection of its own, with half-close and flow control.
 *
 * `end()` closes this side, and `destroy()` both; with an error, or when the other side goes on sending, the other side sees a reset.
 */
export class YamuxStream extends Duplex {
  readonly id: number;
  readonly #session: StreamSession;
  readonly #unread: Buffer[] = [];
  #isWanted = false;
  /** What the other side may still send. */
  #receiveWindow: number = windowBytes;
  /** Read, and not yet given back to the other side's window. */
  #readBytes = 0;
  #sendWindow: number = windowBytes;
  #waitingWrite: { readonly data: Buffer; readonly done: (error?: Error | null) => void } | undefined;
  #isFinSent = false;
  #isFinReceived = false;
  #isReset = false;

  constructor(session: StreamSession, id: number) {
    super({ allowHalfOpen: true });
    this.#session = session;
    this.id = id;
    // Whoever uses the stream learns of an error by its end, too; a stream that nobody has taken yet must not end the process.
    this.on("error", () => undefined);
  }

  /** Tell the other side of this stream: `syn` when it is opened here, `ack` when it is accepted. */
  announce(flags: number): void {
    this.#send(flags, 0);
  }

  /** A frame of this stream has begun. @throws {HostError} `PROTOCOL_VIOLATION` */
  onHeader({ type, flags, length }: FrameHeader): void {
    if (type === frameType.windowUpdate) this.#addCredit(length);
    else if (length > this.#receiveWindow) throw violation(`stream ${this.id} got more than its window takes`);
    else this.#receiveWindow -= length;
    if ((flags & flag.rst) !== 0) this.#onReset();
  }

  onPayload(piece: Buffer): void {
    if (!this.destroyed) {
      this.#unread.push(piece);
      this.#deliver();
    } else if (this.#receiveWindow === 0) {
      // It would wait for room that never comes.
      this.reset();
    }
  }

  /** @throws {HostError} `PROTOCOL_VIOLATION` when this side was closed before */
  onFin(): void {
    if (this.#isReset) return;
    if (this.#isFinReceived) throw violation(`stream ${this.id} was closed twice`);
    this.#isFinReceived = true;
    this.#deliver();
    this.#noteClosed();
  }

  /** Give up: the other side sees a reset. */
  reset(error?: Error): void {
    if (!this.#isReset && !this.#isClosed) this.#send(flag.rst, 0);
    this.#isReset = true;
    this.#session.onClosed(this);
    this.destroy(error);
  }

  /** The session is gone; nothing can be sent any more. */
  abandon(error: Error | undefined): void {
    this.#isReset = true;
    this.destroy(error);
  }

  override _read(): void {
    this.#isWanted = true;
    this.#deliver();
  }

  override _write(data: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#write(data, done);
  }

  override _writev(pieces: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#write(Buffer.concat(pieces.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sendFin();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#unread.length = 0;
    this.#waitingWrite?.done(error ?? streamClosed(this.id));
    this.#waitingWrite = undefined;
    if (error !== null) this.reset();
    else this.#sendFin();
    if (!this.#isReset && !this.#isClosed) this.#session.onHalfClosed(this);
    done(error);
  }

  get #isClosed(): boolean {
    return this.#isFinSent && this.#isFinReceived;
  }

  #send(flags: number, length: number): void {
    this.#session.send({ type: frameType.windowUpdate, flags, streamId: this.id, length });
  }

  #sendFin(): void {
    if (this.#isFinSent || this.#isReset) return;
    this.#send(flag.fin, 0);
    this.#isFinSent = true;
    this.#noteClosed();
  }

  #noteClosed(): void {
    if (this.#isClosed) this.#session.onClosed(this);
  }

  #onReset(): void {
    this.#isReset = true;
    this.#session.onClosed(this);
    this.destroy(new HostError("CONNECT_FAILED", `stream ${this.id} was reset by the other side`));
  }

  #addCredit(bytes: number): void {
    if (this.#sendWindow + bytes > largestWindow) throw violation(`stream ${this.id} was given too large a window`);
    this.#sendWindow += bytes;
    const waiting = this.#waitingWrite;
    this.#waitingWrite = undefined;
    if (waiting !== undefined) this.#write(waiting.data, waiting.done);
  }

  /** One frame after the other, as each one leaves, and as the other side has room. */
  #write(data: Buffer, done: (error?: Error | null) => void): void {
    if (this.#isReset) return done(streamClosed(this.id));
    if (data.length === 0) return done();
    const length = Math.min(data.length, this.#sendWindow, frameBytes);
    if (length === 0) {
      this.#waitingWrite = { data, done };
      return;
    }
    this.#sendWindow -= length;
    const header = { type: frameType.data, flags: 0, streamId: this.id, length };
    this.#session.send(header, data.subarray(0, length), (error) => {
      if (error) done(error);
      else this.#write(data.subarray(length), done);
    });
  }

  #deliver(): void {
    if (this.destroyed) return;
    for (let piece = this.#unread[0]; this.#isWanted && piece !== undefined; piece = this.#unread[0]) {
      this.#unread.shift();
      this.#readBytes += piece.length;
      this.#isWanted = this.push(piece);
    }
    if (this.#isFinReceived && this.#unread.length === 0) this.push(null);
    else if (!this.#isFinReceived && this.#readBytes >= windowBytes / 2) this.#giveRoom();
  }

  #giveRoom(): void {
    const bytes = this.#readBytes;
    this.#readBytes = 0;
    this.#receiveWindow += bytes;
    this.#send(0, bytes);
  }
}

function streamClosed(id: number): HostError {
  return new HostError("CONNECT_FAILED", `stream ${id} is closed`);
}
