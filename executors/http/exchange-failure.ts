import { codeOf, isTlsError, tlsFailure } from "./connection/connect-failure.ts";
import { describeRoute, type Route } from "./connection/route.ts";
import { messageOf, RequestFailure, type FailureCode } from "./failure.ts";

/** Codes of the HTTP client and of sockets, after the request has gone out. */
const codes: Record<string, readonly [FailureCode, reason: string]> = {
  ECONNRESET: ["CONNECTION_RESET", "connection reset"],
  EPIPE: ["CONNECTION_RESET", "connection closed by the other side"],
  UND_ERR_SOCKET: ["CONNECTION_RESET", "connection closed by the other side"],
  ETIMEDOUT: ["CONNECTION_RESET", "connection lost"],
  EHOSTUNREACH: ["CONNECTION_RESET", "connection lost"],
  UND_ERR_DESTROYED: ["CONNECTION_RESET", "connection closed"],
  UND_ERR_HEADERS_OVERFLOW: ["RESPONSE_MALFORMED", "response headers too large"],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ["BODY_INCOMPLETE", "body does not have the length it was announced with"],
  UND_ERR_INVALID_ARG: ["REQUEST_INVALID", ""],
  UND_ERR_NOT_SUPPORTED: ["REQUEST_INVALID", ""],
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: ["REQUEST_INVALID", ""],
};

/**
 * What an error after the connection was up means.
 *
 * @returns a RequestFailure, the signal's reason if it has aborted, or the error itself if it is no failure of the request
 */
export function exchangeFailure(error: unknown, route: Route, signal: AbortSignal): unknown {
  if (error instanceof RequestFailure) return error;
  if (signal.aborted) return signal.reason;
  const peer = describeRoute(route);
  const code = codeOf(error);
  // A server may refuse the client's certificate only after the handshake.
  if (isTlsError(error)) return tlsFailure(error, `TLS with ${peer} failed`);
  if ((error as Error).name === "HTTPParserError" || code.startsWith("HPE_")) {
    return new RequestFailure("RESPONSE_MALFORMED", `${peer} does not answer in HTTP: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (code.startsWith("ERR_HTTP2_")) {
    return new RequestFailure("CONNECTION_RESET", `HTTP/2 with ${peer} failed: ${messageOf(error)}`, { cause: error });
  }
  // A file of the request's body was changed or taken away while it was being sent.
  if (error instanceof DOMException && error.name === "NotReadableError") {
    return new RequestFailure("FILE_UNREADABLE", "a file of the body was changed while it was being sent", {
      cause: error,
    });
  }
  // No code: no error of a connection, but one of this software.
  if (code === "") return error;
  const [kind, reason] = codes[code] ?? ["CONNECTION_RESET", ""];
  return new RequestFailure(kind, `${peer}: ${reason || messageOf(error)}`, { cause: error });
}
