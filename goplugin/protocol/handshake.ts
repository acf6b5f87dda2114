import { X509Certificate } from "node:crypto";
import { HostError } from "@executor-host/proto/shared/error";
import { formatAddress, isAddressProblem, parseAddress, type Address } from "./address.ts";
import { coreProtocolVersion } from "./defaults.ts";
import { parseGoInteger, trimGoSpace } from "./go-text.ts";

/** What a plugin says of itself in the first line of its stdout. */
export interface Handshake {
  /** The application's protocol version, already chosen by the plugin. */
  readonly appVersion: number;
  readonly address: Address;
  /** `netrpc` is Go's own and cannot be spoken here. */
  readonly protocol: "grpc" | "netrpc";
  /** The plugin's certificate; undefined without AutoMTLS. */
  readonly certificate: X509Certificate | undefined;
  /** The seventh field as it stands, of interest only to a host that asked for multiplexing. */
  readonly multiplex: string | undefined;
}

export interface HandshakeLine {
  readonly appVersion: number;
  readonly address: Address;
  /** DER; undefined without AutoMTLS. */
  readonly certificate: Buffer | undefined;
  /** Undefined unless the host asked for it: only then may the line have a seventh field, as old hosts take it for part of the certificate. */
  readonly multiplex: boolean | undefined;
}

/**
 * The handshake line with its line feed.
 *
 * Source: hashicorp/go-plugin, server.go and docs/internals.md.
 *
 * @throws {HostError} `ADDRESS_INVALID` when the address cannot be part of a line
 */
export function formatHandshake(line: HandshakeLine): string {
  const address = formatAddress(line.address);
  if (/[|\r\n]/.test(address)) {
    throw new HostError("ADDRESS_INVALID", `address cannot stand in a handshake line: ${JSON.stringify(address)}`, {
      hint: "the socket directory must not contain `|` or line breaks",
    });
  }
  const fields = [coreProtocolVersion, line.appVersion, line.address.network, address, "grpc"];
  // Go refuses padding. An ECDSA certificate varies in length, so a padded one fails only now and then.
  fields.push((line.certificate?.toString("base64") ?? "").replaceAll("=", ""));
  if (line.multiplex !== undefined) fields.push(String(line.multiplex));
  return `${fields.join("|")}\n`;
}

/**
 * Read a handshake line: exactly as strict as a Go host, with errors that name the field.
 *
 * White space at both ends of the line is ignored, white space inside a field is not. A sixth field of 50 characters or fewer is no
 * certificate. Fields after the seventh are ignored.
 *
 * @throws {HostError} `HANDSHAKE_MALFORMED`, `CORE_VERSION_MISMATCH`, `ADDRESS_INVALID`, `PROTOCOL_UNSUPPORTED`, `CERTIFICATE_INVALID`
 */
export function parseHandshake(text: string): Handshake {
  const fields = trimGoSpace(text).split("|");
  const [coreText, appText, network, address, protocol = "netrpc", certificate = "", multiplex] = fields;
  if (coreText === undefined || appText === undefined || network === undefined || address === undefined) {
    throw new HostError(
      "HANDSHAKE_MALFORMED",
      `first line on stdout is no handshake line: ${fields.length} fields of at least 4`,
      {
        hint: "the first line on stdout must be the handshake; nothing may be printed before it",
      },
    );
  }
  const core = parseGoInteger(coreText);
  if (core === undefined) throw malformedNumber("core protocol version (field 1)", coreText);
  if (core !== coreProtocolVersion) {
    throw new HostError(
      "CORE_VERSION_MISMATCH",
      `plugin speaks core protocol version ${core}, this host ${coreProtocolVersion}`,
      {
        hint: "build the plugin with a version of its go-plugin library that speaks core protocol 1",
      },
    );
  }
  const appVersion = parseGoInteger(appText);
  if (appVersion === undefined) throw malformedNumber("application protocol version (field 2)", appText);
  const parsed = parseAddress(network, address);
  if (isAddressProblem(parsed)) throw new HostError("ADDRESS_INVALID", parsed.problem, { hint: parsed.hint });
  if (protocol !== "grpc" && protocol !== "netrpc") {
    throw new HostError("PROTOCOL_UNSUPPORTED", `plugin speaks ${JSON.stringify(protocol)}, this host grpc only`, {
      hint: "field 5 of the handshake line must be `grpc`",
    });
  }
  return { appVersion, address: parsed, protocol, certificate: parseCertificate(certificate), multiplex };
}

const shortestCertificate = 51;

function parseCertificate(field: string): X509Certificate | undefined {
  if (field.length < shortestCertificate) return undefined;
  const text = field.replace(/[\r\n]/g, "");
  if (!/^[A-Za-z0-9+/]*$/.test(text) || text.length % 4 === 1) throw badCertificate("is not unpadded base64");
  const der = Buffer.from(text, "base64");
  const certificate = readCertificate(der);
  // The reader also takes PEM, and ignores what follows the first certificate.
  if (!certificate.raw.equals(der)) throw badCertificate("is not one certificate in DER");
  return certificate;
}

function readCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw badCertificate("is no X.509 certificate", cause);
  }
}

function badCertificate(problem: string, cause?: unknown): HostError {
  return new HostError("CERTIFICATE_INVALID", `certificate (field 6) ${problem}`, {
    hint: "one certificate in DER, as base64 in the standard alphabet without `=` at the end",
    cause,
  });
}

function malformedNumber(field: string, text: string): HostError {
  return new HostError("HANDSHAKE_MALFORMED", `${field} is not an integer: ${JSON.stringify(text)}`, {
    hint: "the first line on stdout must be the handshake; nothing may be printed before it",
  });
}
