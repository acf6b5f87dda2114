import { connectivityState, type Client } from "@grpc/grpc-js";

const identity = (bytes: Buffer): Buffer => bytes;

/**
 * Does the server of a gRPC client still answer? Any answer counts, also that it does not know what it is asked: how it is.
 *
 * @param signal ends the waiting
 * @returns false for silence; a connection that is known to be lost is replaced by the client itself
 */
export async function isGrpcAlive(client: Client, signal: AbortSignal): Promise<boolean> {
  if (client.getChannel().getConnectivityState(false) !== connectivityState.READY) return true;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const call = client.makeUnaryRequest("/grpc.health.v1.Health/Check", identity, identity, Buffer.alloc(0), () =>
    resolve(true),
  );
  const onAbort = (): void => {
    resolve(false);
    call.cancel();
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
