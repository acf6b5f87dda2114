import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { messageOf } from "@executor-host/proto/shared/error";

/** PEM text and, for messages, where it came from. */
export interface Pem {
  readonly text: string;
  readonly source: string;
}

/** What is wrong with a PEM, for people. */
export interface PemProblem {
  readonly message: string;
  readonly cause?: unknown;
}

/** Node takes a file without any certificate for an empty list, without a word. */
export function certificateProblem({ text, source }: Pem): PemProblem | undefined {
  const blocks = text.match(
    /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g,
  );
  if (blocks === null) return { message: `${source} holds no certificate` };
  for (const [index, block] of blocks.entries()) {
    try {
      void new X509Certificate(block);
    } catch (cause) {
      return { message: `certificate ${index + 1} of ${source} cannot be read`, cause };
    }
  }
  return undefined;
}

/** Does the key open, and is it the certificate's? */
export function pairProblem(certificate: Pem, key: Pem, passphrase: string | undefined): PemProblem | undefined {
  try {
    createSecureContext({ cert: certificate.text, key: key.text, passphrase });
    return undefined;
  } catch (cause) {
    return { message: `${key.source} does not fit: ${keyProblem(cause, passphrase)}`, cause };
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
