import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

import type { Config } from "../config.ts";
import { messageOf, RequestFailure } from "../failure.ts";
import { unreadableFile } from "../files.ts";
import type { TlsSettings } from "./settings.ts";

/**
 * The TLS settings a job asks for.
 *
 * Files are read at each execution, so that a replaced certificate counts from then on. Whatever cannot be used is a failure that names
 * its key: a request never goes out with less security than the job asked for.
 *
 * @throws {RequestFailure} `FILE_UNREADABLE`, `TLS_MATERIAL_INVALID`
 */
export async function tlsSettings(config: Config): Promise<TlsSettings> {
  const [ca, certificate, key] = await Promise.all([
    pem("tlsRootCAsFile", config.tlsRootCAsFile, "tls_ca", config.tls_ca),
    pem("tlsCertificateFile", config.tlsCertificateFile, "tls_certificate", config.tls_certificate),
    pem("tlsCertificateKeyFile", config.tlsCertificateKeyFile, "tls_certificate_key", config.tls_certificate_key),
  ]);
  if (ca !== undefined) assertCertificates(ca);
  if (certificate !== undefined) assertCertificates(certificate);
  if (certificate !== undefined && key !== undefined) assertPair(certificate, key, config.tls_key_passphrase);
  return {
    ca: ca?.text,
    withSystemCa: config.tls_ca_mode === "extend",
    certificate: certificate?.text,
    key: key?.text,
    passphrase: config.tls_key_passphrase,
    serverName: config.tls_server_name,
    minVersion: config.tls_min_version === "1.3" ? "TLSv1.3" : "TLSv1.2",
    verify: !config.tlsNoVerifyPeer,
  };
}

/** PEM text and, for messages, where it came from. */
interface Pem {
  readonly text: string;
  readonly source: string;
}

async function pem(
  fileKey: string,
  path: string | undefined,
  textKey: string,
  text: string | undefined,
): Promise<Pem | undefined> {
  if (text !== undefined) return { text, source: textKey };
  if (path === undefined) return undefined;
  try {
    return { text: await readFile(path, "utf8"), source: `${fileKey} ${path}` };
  } catch (error) {
    throw unreadableFile(fileKey, path, error);
  }
}

/** Node takes a file without any certificate for an empty list, without a word. */
function assertCertificates({ text, source }: Pem): void {
  const blocks = text.match(
    /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g,
  );
  if (blocks === null) throw invalid(`${source} holds no certificate`);
  for (const [index, block] of blocks.entries()) {
    try {
      void new X509Certificate(block);
    } catch (error) {
      throw invalid(`certificate ${index + 1} of ${source} cannot be read`, error);
    }
  }
}

function assertPair(certificate: Pem, key: Pem, passphrase: string | undefined): void {
  try {
    createSecureContext({ cert: certificate.text, key: key.text, passphrase });
  } catch (error) {
    throw invalid(`${key.source} does not fit: ${keyProblem(error, passphrase)}`, error);
  }
}

const decryptErrors = new Set([
  "ERR_OSSL_BAD_DECRYPT",
  "ERR_OSSL_WRONG_PASSWORD",
  "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED",
]);

function keyProblem(error: unknown, passphrase: string | undefined): string {
  const code = String((error as NodeJS.ErrnoException).code);
  if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") return "it belongs to another certificate";
  if (!decryptErrors.has(code)) return messageOf(error);
  return passphrase === undefined
    ? "it is encrypted, and tls_key_passphrase is not set"
    : "tls_key_passphrase does not open it";
}

function invalid(message: string, cause?: unknown): RequestFailure {
  return new RequestFailure("TLS_MATERIAL_INVALID", message, { hint: "PEM is expected", cause });
}
