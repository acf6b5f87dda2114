import { messageOf } from "@executor-host/proto/shared/error";
import { failuresOf, type RemoteFailure } from "./failure.ts";

/** The codes of what goes wrong before a connection is up, the same in each executor. */
export const connectFailureCodes = {
  DNS_NOT_FOUND: {},
  DNS_UNAVAILABLE: { retryability: "RETRYABLE" },
  CONNECTION_REFUSED: { retryability: "RETRYABLE" },
  CONNECTION_DENIED: { retryability: "PERMANENT" },
  TARGET_UNREACHABLE: { retryability: "RETRYABLE" },
  CONNECTION_LOST: { retryability: "RETRYABLE" },
  TLS_FAILED: { retryability: "PERMANENT" },
  TLS_MATERIAL_INVALID: { retryability: "PERMANENT" },
  FILE_UNREADABLE: { retryability: "PERMANENT" },
  TIMEOUT_CONNECT: { outcome: "TIMED_OUT", retryability: "RETRYABLE" },
} as const;

const fail = failuresOf<keyof typeof connectFailureCodes>(connectFailureCodes);

const connectCodes: Readonly<Record<string, readonly [code: keyof typeof connectFailureCodes, reason: string]>> = {
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
  ECONNRESET: ["CONNECTION_LOST", "closed by the other side"],
  EPIPE: ["CONNECTION_LOST", "closed by the other side"],
};

const authorityHint = "give the authority with tls_ca_file or tls_ca";
const portHint = "check the port, or whether the target speaks TLS at all";
const closedHint = "check the port, and whether it expects TLS, or none";
const clientHint = "set tls_certificate_file and tls_certificate_key_file";

const tlsCodes: Readonly<Record<string, readonly [reason: string, hint?: string]>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: ["the certificate is self-signed", authorityHint],
  SELF_SIGNED_CERT_IN_CHAIN: ["the certificate's authority is not trusted", authorityHint],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["the certificate's authority is not trusted", authorityHint],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["the certificate's authority is not trusted", authorityHint],
  UNABLE_TO_GET_ISSUER_CERT: ["the certificate's authority is not trusted", authorityHint],
  CERT_HAS_EXPIRED: ["the certificate has expired"],
  CERT_NOT_YET_VALID: ["the certificate is not valid yet"],
  ERR_TLS_CERT_ALTNAME_INVALID: ["the certificate is for another name", "check the host name, or set tls_server_name"],
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: ["no TLS version in common"],
  ERR_SSL_UNSUPPORTED_PROTOCOL: ["no TLS version in common"],
  ERR_SSL_WRONG_VERSION_NUMBER: ["the other side does not speak TLS on this port", portHint],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ["the other side does not speak TLS on this port", portHint],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ["the server asks for a client certificate", clientHint],
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ["the server does not trust the client certificate"],
  "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE": ["the server refuses the client certificate", clientHint],
};

/**
 * What an error on the way to a target means.
 *
 * @param error with a code of Node or OpenSSL, perhaps as the cause of another one
 * @param peer `127.0.0.1:4222`
 */
export function connectFailure(error: unknown, peer: string): RemoteFailure {
  const code = codesOf(error).find((one) => one in connectCodes || isTlsCode(one)) ?? "";
  if (isTlsCode(code)) {
    const [reason, hint] = tlsCodes[code] ?? [innermost(error)];
    return fail("TLS_FAILED", `TLS with ${peer} failed: ${reason}`, { hint, cause: error });
  }
  const [kind, reason] = connectCodes[code] ?? (["CONNECTION_LOST", innermost(error)] as const);
  const hint = kind === "CONNECTION_LOST" ? closedHint : undefined;
  return fail(kind, `cannot connect to ${peer}: ${reason}`, { hint, cause: error });
}

function isTlsCode(code: string): boolean {
  return code in tlsCodes || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO";
}

/** The codes of an error and of those it was made of, outermost first. */
function codesOf(error: unknown): string[] {
  const { code, cause, errors, chainedError } = (error ?? {}) as {
    readonly code?: unknown;
    readonly cause?: unknown;
    readonly errors?: readonly unknown[];
    readonly chainedError?: unknown;
  };
  const inner = [cause, chainedError, ...(Array.isArray(errors) ? errors : [])].filter((one) => one instanceof Error);
  return [...(typeof code === "string" ? [code] : []), ...inner.flatMap(codesOf)];
}

function innermost(error: unknown): string {
  const { cause, chainedError } = (error ?? {}) as { readonly cause?: unknown; readonly chainedError?: unknown };
  const inner = [cause, chainedError].find((one) => one instanceof Error);
  return inner === undefined ? messageOf(error) : innermost(inner);
}
