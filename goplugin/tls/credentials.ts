import { credentials, ServerCredentials, type ChannelCredentials } from "@grpc/grpc-js";
import type { Identity } from "./identity.ts";

/** Mutual TLS between two processes which trust each other's one certificate and nothing else. Undefined where there is no TLS. */
export interface MutualTls {
  readonly identity: Pick<Identity, "certificatePem" | "privateKeyPem">;
  readonly peerCertificatePem: string;
}

/** Both roles of one side; made once, as every new context costs time. */
export interface LinkCredentials {
  readonly client: ChannelCredentials;
  readonly server: ServerCredentials;
}

export function createCredentials(tls: MutualTls | undefined): LinkCredentials {
  if (tls === undefined) return { client: credentials.createInsecure(), server: ServerCredentials.createInsecure() };
  const trusted = Buffer.from(tls.peerCertificatePem);
  const key = Buffer.from(tls.identity.privateKeyPem);
  const certificate = Buffer.from(tls.identity.certificatePem);
  return {
    client: credentials.createSsl(trusted, key, certificate),
    server: ServerCredentials.createSsl(trusted, [{ private_key: key, cert_chain: certificate }], true),
  };
}
