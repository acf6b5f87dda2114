import {
  credentials,
  type Channel,
  type ChannelCredentials,
  type ClientOptions,
  type ClientUnaryCall,
  type Interceptor,
  type ServiceError,
} from "@grpc/grpc-js";

/** What ts-proto generates for a service. */
export type ClientConstructor<T> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => T;

/** A client of one service on a channel that exists already; the channel stays its owner's. */
export function linkClient<T>(
  Constructor: ClientConstructor<T>,
  channel: Channel,
  interceptors: Interceptor[] = [],
): T {
  // Address and credentials are the channel's; gRPC only wants to see some.
  return new Constructor(channel.getTarget(), credentials.createInsecure(), { channelOverride: channel, interceptors });
}

/** A unary call as a promise. @throws {ServiceError} @throws `signal.reason` when aborted */
export async function unaryCall<T>(
  start: (callback: (error: ServiceError | null, response?: T) => void) => ClientUnaryCall,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const call = start((error, response) => {
    if (error === null && response !== undefined) resolve(response);
    else reject(signal?.aborted ? signal.reason : error);
  });
  const onAbort = (): void => call.cancel();
  signal?.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => signal?.removeEventListener("abort", onAbort));
}
