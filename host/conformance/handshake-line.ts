import { X509Certificate } from "node:crypto";
import { isAddressProblem, parseAddress, type Address } from "@executor-host/goplugin/parts";

/** A handshake line as strictly as the protocol writes it; hosts are more lenient, and not all in the same way. */
export interface HandshakeLine {
  readonly appVersion: number;
  readonly address: Address;
  /** Field 6 as it is; empty without a certificate. */
  readonly certificate: string;
  /** Fields from the seventh on. */
  readonly more: readonly string[];
}

/** Read a line with its line feed. @returns what is wrong, when something is */
export function readHandshakeLine(line: string): HandshakeLine | string {
  if (!line.endsWith("\n")) return "the line has no end";
  const text = line.slice(0, -1);
  if (text !== text.trim()) return `there is white space around it: ${JSON.stringify(text.slice(0, shownCharacters))}`;
  const [core, app = "", network = "", place = "", protocol, certificate = "", ...more] = text.split("|");
  if (protocol === undefined)
    return `it has not the form 1|VERSION|unix|PATH|grpc|: ${JSON.stringify(text.slice(0, shownCharacters))}`;
  if (core !== "1") return `field 1, the core protocol version, is not 1: ${JSON.stringify(core)}`;
  if (!/^(0|[1-9]\d*)$/.test(app)) return `field 2, the application version, is no number: ${JSON.stringify(app)}`;
  const address = parseAddress(network, place);
  if (isAddressProblem(address)) return `fields 3 and 4: ${address.problem}`;
  if (protocol !== "grpc") return `field 5 is not grpc: ${JSON.stringify(protocol)}`;
  return { appVersion: Number(app), address, certificate, more };
}

const shownCharacters = 120;

/** @returns what is wrong with field 6 of a line of a process that was given a client certificate */
export function certificateProblem(field: string): string | undefined {
  if (field === "") return "there is none";
  if (field.includes("=")) return "it is padded with `=`, which Go refuses";
  if (!/^[A-Za-z0-9+/]+$/.test(field)) return "it is not standard base64";
  const der = Buffer.from(field, "base64");
  try {
    const certificate = new X509Certificate(der);
    if (!certificate.raw.equals(der)) return "it is not one certificate in DER";
    return certificate.checkHost("localhost") === undefined ? "it is not for the name localhost" : undefined;
  } catch {
    return "it is no X.509 certificate in DER";
  }
}

/** A boolean as Go reads it. */
export function isGoBoolean(text: string): boolean {
  return /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(text);
}
