import { readFile } from "node:fs/promises";
import { certificateProblem, pairProblem, type Pem, type PemProblem } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import { RequestFailure } from "../failure.ts";
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
  if (ca !== undefined) refuse(certificateProblem(ca));
  if (certificate !== undefined) refuse(certificateProblem(certificate));
  if (certificate !== undefined && key !== undefined) refuse(pairProblem(certificate, key, config.tls_key_passphrase));
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

function refuse(problem: PemProblem | undefined): void {
  if (problem === undefined) return;
  const { message, cause } = problem;
  throw new RequestFailure("TLS_MATERIAL_INVALID", message, { hint: "PEM is expected", cause });
}
