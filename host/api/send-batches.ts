import type { ServerWritableStream } from "@grpc/grpc-js";
import type { Batch } from "../journal/batch.ts";

/** Send encoded messages at the pace of the receiver, then end the call with OK. */
export async function sendBatches<Request>(
  call: ServerWritableStream<Request, unknown>,
  batches: AsyncIterable<Batch>,
): Promise<void> {
  for await (const batch of batches) {
    if (call.cancelled) return;
    if (!call.write(batch)) await roomOrGone(call);
  }
  call.end();
}

/** Whichever comes first: room for more, or nobody left to make room for. */
function roomOrGone<Request>(call: ServerWritableStream<Request, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off("drain", done);
      call.off("cancelled", done);
      resolve();
    };
    call.on("drain", done);
    call.on("cancelled", done);
  });
}
