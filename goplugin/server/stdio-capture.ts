import type { Writable } from "node:stream";
import { StdioData_Channel as Channel } from "@executor-host/proto/goplugin";
import type { StdioRelay } from "./stdio-service.ts";

/**
 * Send what is written to `process.stdout` and `process.stderr` to the relay instead.
 *
 * Only JavaScript's streams are caught; a child process or native code that writes to the descriptors reaches the host's pipes.
 *
 * @returns puts the streams back, and writes what no host has read to stderr: it may tell why the plugin could not be served
 */
export function captureStdio(relay: StdioRelay): Disposable {
  const restores = [
    redirect(process.stdout, (data) => relay.write(Channel.STDOUT, data)),
    redirect(process.stderr, (data) => relay.write(Channel.STDERR, data)),
  ];
  return {
    [Symbol.dispose]: () => {
      for (const restore of restores) restore();
      const unread = relay.takeUnread();
      if (unread.length > 0) process.stderr.write(unread);
    },
  };
}

function redirect(stream: Writable, take: (data: Buffer) => void): () => void {
  const original = stream.write;
  stream.write = (chunk: unknown, encodingOrDone?: unknown, done?: unknown): boolean => {
    const encoding = typeof encodingOrDone === "string" ? (encodingOrDone as BufferEncoding) : "utf8";
    // A copy, as the caller may reuse its buffer while the data waits.
    take(typeof chunk === "string" ? Buffer.from(chunk, encoding) : Buffer.from(chunk as Uint8Array));
    const callback = typeof encodingOrDone === "function" ? encodingOrDone : done;
    if (typeof callback === "function") process.nextTick(callback);
    return true;
  };
  return () => {
    stream.write = original;
  };
}
