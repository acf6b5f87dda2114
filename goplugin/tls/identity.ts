import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import * as der from "./der.ts";

/**
 * P-256 is what every TLS knows. P-521 is what Go makes; some do not know it (BoringSSL), and it takes a hundred times as long: a handshake
 * holds up each side for about five milliseconds.
 */
export type Curve = "P-521" | "P-256";

/** A throw-away key and its self-signed certificate. The key leaves the process only for another host to reattach. */
export interface Identity {
  readonly certificatePem: string;
  readonly certificateDer: Buffer;
  readonly privateKeyPem: string;
}

const signatures = {
  "P-521": { digest: "sha512", identifier: "1.2.840.10045.4.3.4" },
  "P-256": { digest: "sha256", identifier: "1.2.840.10045.4.3.2" },
} as const satisfies Record<Curve, { digest: string; identifier: string }>;

const clockSkewMs = 30_000;
const validityMs = 262_980 * 3_600_000;

/**
 * Make an identity for AutoMTLS, with a certificate of the shape that Go's go-plugin makes.
 *
 * Source: hashicorp/go-plugin, mtls.go; RFC 5280 for the encoding.
 */
export function createIdentity(curve: Curve): Identity {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const { digest, identifier } = signatures[curve];
  const algorithm = der.sequence(der.objectIdentifier(identifier));
  const name = der.sequence(attribute("2.5.4.10", "HashiCorp"), attribute("2.5.4.3", "localhost"));
  const publicKeyInfo = publicKey.export({ type: "spki", format: "der" });
  const now = Date.now();
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.of(2))), // X.509 version 3
    der.integer(randomBytes(16)),
    algorithm,
    name,
    der.sequence(der.time(new Date(now - clockSkewMs)), der.time(new Date(now + validityMs))),
    name,
    publicKeyInfo,
    der.explicit(3, extensions(publicKeyInfo)),
  );
  const certificateDer = der.sequence(body, algorithm, der.bitString(sign(digest, body, privateKey)));
  return {
    certificateDer,
    certificatePem: toPem(certificateDer),
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** A certificate in DER as PEM, in lines of 64 characters. */
export function toPem(certificateDer: Buffer): string {
  const lines = certificateDer.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function attribute(identifier: string, value: string): Buffer {
  return der.set(der.sequence(der.objectIdentifier(identifier), der.printableString(value)));
}

function extensions(publicKeyInfo: Buffer): Buffer {
  // digitalSignature, keyEncipherment, keyAgreement, keyCertSign: bits 0, 2, 4 and 5 from the left.
  const keyUsage = der.bitString(Buffer.of(0b1010_1100), 2);
  const clientAuth = der.objectIdentifier("1.3.6.1.5.5.7.3.2");
  const serverAuth = der.objectIdentifier("1.3.6.1.5.5.7.3.1");
  const keyId = createHash("sha256").update(publicKeyInfo).digest().subarray(0, 20);
  return der.sequence(
    extension("2.5.29.15", true, keyUsage),
    extension("2.5.29.37", false, der.sequence(clientAuth, serverAuth)),
    extension("2.5.29.19", true, der.sequence(der.boolean(true))), // a certificate authority, of itself alone
    extension("2.5.29.14", false, der.octetString(keyId)),
    extension("2.5.29.17", false, der.sequence(der.implicit(2, Buffer.from("localhost", "ascii")))),
  );
}

function extension(identifier: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectIdentifier(identifier), ...flag, der.octetString(value));
}
