import { connectFailure } from "./connect-failure.ts";
import type { RemoteFailure } from "./failure.ts";

/** How grpc-js begins to tell that a call has not left this machine. */
const unsent = /^(No connection established|Name resolution failed)/;

const unavailable = 14;

/** A status as grpc-js gives it. */
interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

/**
 * What the status of a gRPC call means that has not left this machine.
 *
 * @param peer `127.0.0.1:9000`
 * @returns undefined for any other status
 */
export function grpcConnectFailure({ code, message }: GrpcStatus, peer: string): RemoteFailure | undefined {
  return code === unavailable && unsent.test(message) ? connectFailure(unpacked(message), peer) : undefined;
}

/** The library puts the cause of a failed connection into its text, and nowhere else. */
function unpacked(message: string): Error {
  const known =
    /\b(E[A-Z_]{4,}|[A-Z]+(?:_[A-Z0-9]+)*_(?:CERT|CERTIFICATE|SIGNATURE|CHAIN|LOCALLY|EXPIRED|VALID)\w*|ERR_\w+)\b/.exec(
      message,
    )?.[1];
  const text = /Last error: (?:Error: )?(.*?)\.?(?: Resolution note.*)?$/.exec(message)?.[1] ?? message;
  const code = known ?? (message.startsWith("Name resolution failed") ? "ENOTFOUND" : undefined) ?? codeOfText(text);
  return Object.assign(new Error(text), code === undefined ? {} : { code });
}

/** OpenSSL's words for what has a code elsewhere. */
function codeOfText(text: string): string | undefined {
  return texts.find(([words]) => text.toLowerCase().includes(words))?.[1];
}

const texts: readonly (readonly [words: string, code: string])[] = [
  ["self-signed certificate in certificate chain", "SELF_SIGNED_CERT_IN_CHAIN"],
  ["self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ["unable to verify the first certificate", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ["unable to get local issuer certificate", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
  ["certificate has expired", "CERT_HAS_EXPIRED"],
  ["does not match certificate", "ERR_TLS_CERT_ALTNAME_INVALID"],
  ["certificate required", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"],
  ["wrong version number", "ERR_SSL_WRONG_VERSION_NUMBER"],
  ["packet length too long", "ERR_SSL_PACKET_LENGTH_TOO_LONG"],
  ["socket hang up", "ECONNRESET"],
  ["failed to connect", "ECONNRESET"],
];
