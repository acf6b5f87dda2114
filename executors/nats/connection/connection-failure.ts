import { connectFailure, RemoteFailure, showMs } from "@executor-host/sdk/remote";
import type { NatsError } from "nats";

import { fail } from "../failure.ts";

export type { RemoteFailure } from "@executor-host/sdk/remote";

const authCodes = new Set(["AUTHORIZATION_VIOLATION", "AUTHENTICATION_EXPIRED", "ACCOUNT_EXPIRED"]);

/** What an error on the way to a server means. @param peer `127.0.0.1:4222` */
export function connectionFailure(error: unknown, peer: string, timeoutMs: number): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  const { code, message = "" } = (error ?? {}) as Partial<NatsError>;
  if (code !== undefined && authCodes.has(code)) {
    return fail("AUTH_FAILED", `${peer} does not let us in: ${message.replaceAll("'", "").toLowerCase()}`, {
      hint: "check user, password, token, nkey or creds",
      cause: error,
    });
  }
  switch (code) {
    case "TIMEOUT":
    case "AUTHENTICATION_TIMEOUT":
      return fail("TIMEOUT_CONNECT", `${peer} does not answer within ${showMs(timeoutMs)}`, {
        hint: "check whether a NATS server listens on the port",
        cause: error,
      });
    case "SERVER_OPT_NA":
      return fail("TLS_NOT_OFFERED", `${peer} does not offer TLS`, {
        hint: "write nats:// and set no tls keys, or switch TLS on in the server",
        cause: error,
      });
    default:
  }
  if (error instanceof SyntaxError || message.includes("unexpected response")) {
    return fail("PROTOCOL_ERROR", `${peer} does not speak NATS`, { hint: "check the port", cause: error });
  }
  // The library's words for a server that closes without any.
  const isClosed = error == null || (error as NatsError).chainedError?.message === "node provided an undefined error!";
  if (!isClosed) return connectFailure(error, peer);
  return fail("CONNECTION_LOST", `cannot connect to ${peer}: closed by the other side`, {
    hint: "check the port; if it begins with TLS, set tls_first; if it asks for a client certificate, set one",
    cause: error,
  });
}
