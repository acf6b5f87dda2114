import { grpcConnectFailure, type RemoteFailure } from "@executor-host/sdk/remote";

import { fail } from "../failure.ts";
import type { Ending } from "./call.ts";
import { codes, statusKind } from "./status.ts";

/**
 * What a status means that is not the expected one.
 *
 * @param what was done: `reflection`
 */
export function statusFailure(ending: Ending, peer: string, what?: string, retryAfterMs?: number): RemoteFailure {
  const { code, message } = ending;
  const unsent = grpcConnectFailure(ending, peer);
  if (unsent !== undefined) return unsent;
  const { name, retryability } = statusKind(code);
  const shown = `${what === undefined ? "" : `${what}: `}status ${name}${message === "" ? "" : `: ${message}`}`;
  if (code === codes.DEADLINE_EXCEEDED)
    return fail("TIMEOUT_TOTAL", `not finished in time: ${shown}`, { retryAfterMs });
  const tooLarge = /received message larger than max/i.exec(message);
  if (code === codes.RESOURCE_EXHAUSTED && tooLarge !== null) {
    // The library's own words begin so; those of servers in Go do with "grpc: ".
    const hint = tooLarge.index === 0 ? "raise max_receive_bytes" : "the server takes no larger requests";
    return fail("MESSAGE_TOO_LARGE", shown, { hint });
  }
  const hint = message.startsWith("Received HTTP status code")
    ? "what answers on this port is no gRPC server"
    : undefined;
  return fail("STATUS_UNEXPECTED", shown, { hint, retryability, retryAfterMs });
}
