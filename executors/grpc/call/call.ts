import { abortable } from "@executor-host/sdk/remote";
import type { ClientDuplexStream, Metadata, StatusObject } from "@grpc/grpc-js";

import type { Link } from "../connection/link.ts";
import { limits } from "../defaults.ts";
import { codes } from "./status.ts";

export interface Call {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly messages: readonly Uint8Array[];
  readonly metadata: Metadata;
  /** Told to the server; in milliseconds since the epoch, default: none. */
  readonly deadlineMs?: number;
  readonly signal: AbortSignal;
  /** Called for each response message; a promise holds back the next ones. */
  onMessage(bytes: Buffer): Promise<void> | undefined;
}

/** How a call ended. */
export interface Ending {
  readonly code: number;
  readonly message: string;
  readonly trailers: Metadata;
  /** Undefined: none came, or together with the trailers. */
  readonly headers: Metadata | undefined;
  readonly peer: string;
}

const identity = (bytes: Buffer): Buffer => bytes;

/**
 * Make a call of any kind: on the wire they all are a stream of messages each way, and a status.
 *
 * @throws what `onMessage` throws
 * @throws `signal.reason`, after the call was cancelled
 */
export async function makeCall({ client }: Link, call: Call): Promise<Ending> {
  const { path, metadata, deadlineMs = Infinity, signal } = call;
  signal.throwIfAborted();
  const stream = client.makeBidiStreamRequest(path, identity, identity, metadata, { deadline: deadlineMs });
  const ending = endingOf(stream);
  const failed = Promise.withResolvers<never>();
  stream.on("data", (bytes: Buffer) => {
    try {
      const room = call.onMessage(bytes);
      if (room === undefined) return;
      stream.pause();
      room.then(() => stream.resume(), failed.reject);
    } catch (error) {
      failed.reject(error);
    }
  });
  try {
    void send(stream, call.messages);
    return judged(await abortable(Promise.race([ending, failed.promise]), signal), deadlineMs);
  } catch (error) {
    stream.cancel();
    throw error;
  } finally {
    ending.catch(() => undefined);
    failed.promise.catch(() => undefined);
  }
}

/** A server that is the first to see the deadline resets the stream, which reads as CANCELLED. */
function judged(ending: Ending, deadlineMs: number): Ending {
  if (ending.code !== codes.CANCELLED || Date.now() < deadlineMs - limits.deadlineSlackMs) return ending;
  return { ...ending, code: codes.DEADLINE_EXCEEDED, message: "the server has ended the call at its deadline" };
}

async function endingOf(stream: ClientDuplexStream<Buffer, Buffer>): Promise<Ending> {
  let headers: Metadata | undefined;
  stream.on("metadata", (received: Metadata) => (headers = received));
  // Told by the status.
  stream.on("error", () => undefined);
  const status = Promise.withResolvers<StatusObject>();
  const ended = Promise.withResolvers<void>();
  stream.on("status", status.resolve);
  stream.on("end", ended.resolve);
  stream.on("close", ended.resolve);
  const { code, details, metadata } = await status.promise;
  await ended.promise;
  return { code, message: details, trailers: metadata, headers, peer: stream.getPeer() };
}

async function send(stream: ClientDuplexStream<Buffer, Buffer>, messages: readonly Uint8Array[]): Promise<void> {
  for (const message of messages) {
    if (stream.writableEnded || stream.destroyed) return;
    if (!stream.write(Buffer.from(message.buffer, message.byteOffset, message.byteLength))) {
      await new Promise<void>((resolve) => {
        stream.once("drain", resolve);
        stream.once("status", () => resolve());
      });
    }
  }
  stream.end();
}
