import { pause, RemoteFailure } from "@executor-host/sdk/remote";

import { limits } from "../defaults.ts";

/**
 * Do something again that has lost its connection on the way, while nothing has been sent yet.
 *
 * @throws what `connect` throws otherwise; the last loss when time is up @throws `signal.reason` of a stop
 */
export async function untilConnected<T>(connect: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let waitMs: number = limits.retryMs; ; waitMs = Math.min(waitMs * 2, limits.maxRetryMs)) {
    try {
      return await connect();
    } catch (error) {
      const isLost = error instanceof RemoteFailure && error.code === "CONNECTION_LOST";
      if (!isLost || signal.aborted) throw error;
      await pause(waitMs, signal).catch((reason: unknown) => {
        throw reason instanceof RemoteFailure ? error : reason;
      });
    }
  }
}
