import { X509Certificate } from "node:crypto";
import { HostError } from "@executor-host/proto/shared/error";
import { variables } from "../protocol/environment.ts";
import type { MutualTls } from "../tls/credentials.ts";
import { createIdentity, type Identity } from "../tls/identity.ts";

/** TLS with a throw-away identity, whose certificate the handshake line carries. */
export interface AutoTls extends MutualTls {
  readonly identity: Identity;
}

/**
 * AutoMTLS as the host asks for it: on when it gave its certificate, off otherwise.
 *
 * The plugin's key is on the host's curve, which is the one its TLS is known to have.
 *
 * @throws {HostError} `CERTIFICATE_INVALID` when the host's certificate cannot be read: better than to refuse every call later
 */
export function pluginTls(environment: NodeJS.ProcessEnv): AutoTls | undefined {
  const peerCertificatePem = environment[variables.clientCertificate];
  if (!peerCertificatePem) return undefined;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(peerCertificatePem);
  } catch (cause) {
    throw new HostError("CERTIFICATE_INVALID", `${variables.clientCertificate} is no certificate in PEM`, { cause });
  }
  const isP256 = certificate.publicKey.asymmetricKeyDetails?.namedCurve === "prime256v1";
  return { identity: createIdentity(isP256 ? "P-256" : "P-521"), peerCertificatePem };
}
