import type { TLSSocket } from "node:tls";

/** What a TLS handshake brought to light. */
export interface TlsFacts {
  readonly protocol: string;
  readonly cipher: string;
  /** Distinguished name of the server's certificate, such as `CN=api.example.test`. */
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
  /** ISO 8601. */
  readonly validTo: string | undefined;
  readonly fingerprint256: string | undefined;
  readonly verified: boolean;
  /** Why the certificate would have been refused, where verification is off. */
  readonly problem: string | undefined;
}

/** Call it while the connection is open; afterwards nothing is left to ask. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  const certificate = socket.getPeerX509Certificate();
  return {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    subject: oneLine(certificate?.subject),
    issuer: oneLine(certificate?.issuer),
    validTo: certificate?.validToDate.toISOString(),
    fingerprint256: certificate?.fingerprint256,
    verified: socket.authorized,
    problem: socket.authorized ? undefined : String(socket.authorizationError),
  };
}

function oneLine(name: string | undefined): string | undefined {
  return name?.split("\n").toReversed().join(", ");
}
