import { connectivityState, status, type Channel, type ServiceError } from "@grpc/grpc-js";
import { HostError } from "@executor-host/proto/shared/error";
import { checkHealth } from "./health-check.ts";

/** What a plugin that is just not listening yet looks like. */
const notYetThere = /ECONNREFUSED|ENOENT/;

/**
 * Wait until a channel is connected, TLS included.
 *
 * Finds at once what go-plugin finds with the first call: nobody listening, or TLS that does not fit.
 *
 * @throws {HostError} `CONNECT_FAILED` with what the last try said
 * @throws `signal.reason` when aborted
 */
export async function waitForConnection(
  channel: Channel,
  options: { deadline: Date; signal: AbortSignal },
): Promise<void> {
  let failure: ServiceError | undefined;
  for (;;) {
    options.signal.throwIfAborted();
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    if (state === connectivityState.TRANSIENT_FAILURE) {
      failure = await whyUnavailable(channel, options);
      if (failure === undefined) continue;
      if (!notYetThere.test(failure.details)) break;
    }
    if (!(await stateChange(channel, state, options))) break;
  }
  const reason = failure?.details ?? "no answer in time";
  throw new HostError("CONNECT_FAILED", `cannot connect to the plugin: ${reason}`, {
    cause: failure,
    hint: hintFor(reason),
  });
}

/** Only a call tells why a channel is not connected. @returns undefined when it is connected after all, or aborted */
async function whyUnavailable(
  channel: Channel,
  options: { deadline: Date; signal: AbortSignal },
): Promise<ServiceError | undefined> {
  try {
    await checkHealth(channel, options);
    return undefined;
  } catch (error) {
    if (options.signal.aborted) return undefined;
    const failure = error as ServiceError;
    const isAnswer = failure.code !== status.UNAVAILABLE && failure.code !== status.DEADLINE_EXCEEDED;
    return isAnswer ? undefined : failure;
  }
}

/** @returns false when the deadline came first */
function stateChange(
  channel: Channel,
  state: connectivityState,
  options: { deadline: Date; signal: AbortSignal },
): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const onAbort = (): void => reject(options.signal.reason);
  options.signal.addEventListener("abort", onAbort, { once: true });
  channel.watchConnectivityState(state, options.deadline, (error) => resolve(error === undefined));
  return promise.finally(() => options.signal.removeEventListener("abort", onAbort));
}

function hintFor(reason: string): string {
  if (notYetThere.test(reason)) return "nothing listens at the address of the handshake line";
  if (/certificate|SSL|TLS|EPROTO|self-signed/i.test(reason)) return "the two sides do not agree on TLS; see autoMtls";
  return "the plugin must serve gRPC at the address of its handshake line, with TLS only if it sent a certificate";
}
