import { messageOf, RequestFailure, type FailureCode } from "../failure.ts";
import { describeRoute, hostPort, type Route } from "./route.ts";

/** Where opening a connection was when it failed. */
export type DialPhase = "connect" | "proxy-tls" | "proxy" | "tls";

const connectCodes: Record<string, readonly [FailureCode, message: string]> = {
  ENOTFOUND: ["DNS_NOT_FOUND", "no such host name"],
  EAI_AGAIN: ["DNS_UNAVAILABLE", "name lookup failed, no name server answered"],
  EAI_FAIL: ["DNS_UNAVAILABLE", "name lookup failed"],
  ECONNREFUSED: ["CONNECTION_REFUSED", "connection refused"],
  ENOENT: ["CONNECTION_REFUSED", "no such socket"],
  EACCES: ["CONNECTION_DENIED", "connection not permitted"],
  EPERM: ["CONNECTION_DENIED", "connection not permitted"],
  EHOSTUNREACH: ["TARGET_UNREACHABLE", "no route to host"],
  ENETUNREACH: ["TARGET_UNREACHABLE", "network unreachable"],
  EADDRNOTAVAIL: ["TARGET_UNREACHABLE", "address not available"],
  ETIMEDOUT: ["TARGET_UNREACHABLE", "no answer to the connection attempt"],
};

const tlsReasons: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's authority is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's authority is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's authority is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's authority is not trusted",
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "no TLS version in common",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "no TLS version in common",
  ERR_SSL_WRONG_VERSION_NUMBER: "the other side does not speak TLS on this port",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "the other side does not speak TLS on this port",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: "no HTTP version in common",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the server asks for a client certificate",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the server does not trust the client certificate",
  ECONNRESET: "closed by the other side",
};

const trustHint = "give the authority with tlsRootCAsFile or tls_ca";
const tlsHints: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: trustHint,
  SELF_SIGNED_CERT_IN_CHAIN: trustHint,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: trustHint,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: trustHint,
  UNABLE_TO_GET_ISSUER_CERT: trustHint,
  ERR_TLS_CERT_ALTNAME_INVALID: "check the host name, or set tls_server_name",
  ERR_SSL_WRONG_VERSION_NUMBER: "check the port, or write http://",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "check the port, or write http://",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "set tlsCertificateFile and tlsCertificateKeyFile",
};

/** What an error on the way to a target means. */
export function connectFailure(error: unknown, phase: DialPhase, route: Route): RequestFailure {
  if (error instanceof RequestFailure) return error;
  const code = codeOf(error);
  const { proxy } = route;
  const peer = proxy === undefined ? describeRoute(route) : `proxy ${hostPort(proxy.hostname, proxy.port)}`;
  if (phase === "tls") return tlsFailure(error, `TLS with ${describeRoute(route)} failed`);
  if (phase === "proxy-tls") {
    const reason = tlsReasons[code] ?? messageOf(error);
    return new RequestFailure("PROXY_FAILED", `TLS with ${peer} failed: ${reason}`, {
      hint: tlsHints[code],
      cause: error,
    });
  }
  const [kind, reason] = connectCodes[code] ?? [
    "CONNECTION_RESET",
    code === "ECONNRESET" ? "closed by the other side" : messageOf(error),
  ];
  return new RequestFailure(proxy === undefined ? kind : "PROXY_FAILED", `cannot connect to ${peer}: ${reason}`, {
    cause: error,
  });
}

/** Errors of TLS come as codes of OpenSSL or of Node. */
export function isTlsError(error: unknown): boolean {
  const code = codeOf(error);
  return (
    code.startsWith("ERR_SSL_") ||
    code.startsWith("ERR_TLS_") ||
    (code in tlsReasons && code !== "ECONNRESET") ||
    code === "EPROTO"
  );
}

export function tlsFailure(error: unknown, what: string): RequestFailure {
  const code = codeOf(error);
  return new RequestFailure("TLS_FAILED", `${what}: ${tlsReasons[code] ?? messageOf(error)}`, {
    hint: tlsHints[code],
    // A handshake cut off says nothing about the certificate.
    ...(code === "ECONNRESET" && { retryability: "RETRYABLE" as const }),
    cause: error,
  });
}

export function codeOf(error: unknown): string {
  // When several addresses were tried, the error is made of one error each.
  const one: unknown = error instanceof AggregateError && !("code" in error) ? error.errors[0] : error;
  const code: unknown = (one as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}
