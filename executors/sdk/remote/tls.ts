import type { Violation } from "@executor-host/proto/shared/error";
import { choice, flag } from "../config/scalars.ts";
import { RemoteFailure } from "./failure.ts";
import { readNamedFile } from "./file.ts";
import { word } from "./fields.ts";
import { certificateProblem, pairProblem, type Pem, type PemProblem } from "./pem.ts";

/** Keys that say how to speak TLS, the same in each executor that has them. */
export const tlsFields = {
  tls_ca: word("Authorities to trust instead of the system's, as PEM text."),
  tls_ca_file: word("The same as the path of a PEM file."),
  tls_certificate: word("Client certificate, as PEM text."),
  tls_certificate_file: word("The same as the path of a PEM file."),
  tls_certificate_key: word("Key of the client certificate, as PEM text.", { secret: true }),
  tls_certificate_key_file: word("The same as the path of a PEM file."),
  tls_key_passphrase: word("Opens an encrypted key.", { secret: true }),
  tls_server_name: word(
    "Name to ask the server for and to check its certificate against, instead of the target's host.",
  ),
  tls_min_version: choice({
    summary: "Oldest TLS version to accept.",
    values: ["1.2", "1.3"] as const,
    default: "1.2",
  }),
  tls_no_verify: flag({ summary: "Take any certificate of the server. Insecure.", default: false }),
};

/** The values of `tlsFields`. */
export interface TlsConfig {
  readonly tls_ca: string | undefined;
  readonly tls_ca_file: string | undefined;
  readonly tls_certificate: string | undefined;
  readonly tls_certificate_file: string | undefined;
  readonly tls_certificate_key: string | undefined;
  readonly tls_certificate_key_file: string | undefined;
  readonly tls_key_passphrase: string | undefined;
  readonly tls_server_name: string | undefined;
  readonly tls_min_version: "1.2" | "1.3";
  readonly tls_no_verify: boolean;
}

/** What is needed to speak TLS; plain data, so that equal settings have equal digests. */
export interface TlsMaterial {
  /** PEM of the authorities to trust; undefined means the system's. */
  readonly ca: string | undefined;
  /** PEM of the client certificate, with intermediates behind it. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
  /** Name to ask for and to check instead of the host's. */
  readonly serverName: string | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** False takes any certificate. */
  readonly verify: boolean;
}

/** The keys of `tlsFields` that a job has set. */
export function tlsKeysSet(config: TlsConfig): string[] {
  const keys = Object.keys(tlsFields) as (keyof TlsConfig)[];
  return keys.filter((key) => config[key] !== undefined && config[key] !== tlsFields[key].options.default);
}

/** Contradictions between the keys of `tlsFields`. */
export function checkTls(config: TlsConfig): Violation[] {
  const violations: Violation[] = [];
  for (const key of ["tls_ca", "tls_certificate", "tls_certificate_key"] as const) {
    if (config[key] !== undefined && config[`${key}_file`] !== undefined) {
      violations.push({ field: `${key}_file`, message: `cannot be combined with ${key}`, hint: "use one of them" });
    }
  }
  const hasCertificate = (config.tls_certificate ?? config.tls_certificate_file) !== undefined;
  const hasKey = (config.tls_certificate_key ?? config.tls_certificate_key_file) !== undefined;
  if (hasCertificate && !hasKey) {
    violations.push({
      field: "tls_certificate_key_file",
      message: "is required with a client certificate",
      hint: "name the file with its key",
    });
  }
  if (hasKey && !hasCertificate) {
    violations.push({
      field: "tls_certificate_file",
      message: "is required with a key",
      hint: "name the file with the client certificate",
    });
  }
  return violations;
}

/**
 * The TLS settings a job asks for.
 *
 * Files are read at each execution, so that a replaced certificate counts from then on. Whatever cannot be used is a failure that names
 * its key: nothing goes out with less security than the job asked for.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`, `TLS_MATERIAL_INVALID`
 */
export async function readTls(config: TlsConfig, signal: AbortSignal): Promise<TlsMaterial> {
  const [ca, certificate, key] = await Promise.all([
    pem(config, "tls_ca", signal),
    pem(config, "tls_certificate", signal),
    pem(config, "tls_certificate_key", signal),
  ]);
  if (ca !== undefined) refuse(certificateProblem(ca));
  if (certificate !== undefined) refuse(certificateProblem(certificate));
  if (certificate !== undefined && key !== undefined) refuse(pairProblem(certificate, key, config.tls_key_passphrase));
  return {
    ca: ca?.text,
    certificate: certificate?.text,
    key: key?.text,
    passphrase: config.tls_key_passphrase,
    serverName: config.tls_server_name,
    minVersion: config.tls_min_version === "1.3" ? "TLSv1.3" : "TLSv1.2",
    verify: !config.tls_no_verify,
  };
}

async function pem(
  config: TlsConfig,
  key: "tls_ca" | "tls_certificate" | "tls_certificate_key",
  signal: AbortSignal,
): Promise<Pem | undefined> {
  const text = config[key];
  if (text !== undefined) return { text, source: key };
  const path = config[`${key}_file`];
  if (path === undefined) return undefined;
  return { text: (await readNamedFile(`${key}_file`, path, signal)).toString(), source: `${key}_file ${path}` };
}

function refuse(problem: PemProblem | undefined): void {
  if (problem === undefined) return;
  const { message, cause } = problem;
  throw new RemoteFailure("TLS_MATERIAL_INVALID", { retryability: "PERMANENT" }, message, {
    hint: "PEM is expected",
    cause,
  });
}
