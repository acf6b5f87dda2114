import { resolve } from "node:path";

/** Where a gRPC server of the other side listens. */
export type Address =
  | { readonly network: "unix"; readonly path: string }
  | { readonly network: "tcp"; readonly host: string; readonly port: number };

/** Why a text is no address. */
export interface AddressProblem {
  readonly problem: string;
  readonly hint: string;
}

/** Longest path of a unix socket in bytes; a longer one cannot be bound or dialled. */
export const maxSocketPathBytes = process.platform === "darwin" ? 103 : 107;

/**
 * Read network and address as they stand in a handshake line or a broker's connection info.
 *
 * An empty TCP host means the local machine. Names of ports are refused, which Go would look up.
 */
export function parseAddress(network: string, address: string): Address | AddressProblem {
  if (network === "unix") return parseSocketPath(address);
  if (network === "tcp") return parseTcpAddress(address);
  return {
    problem: `unknown network: ${JSON.stringify(network)} (address ${JSON.stringify(address)})`,
    hint: "a plugin announces `unix` or `tcp`, in lower case",
  };
}

/** True when the text could not be read. */
export function isAddressProblem(parsed: Address | AddressProblem): parsed is AddressProblem {
  return "problem" in parsed;
}

/** The text of an address as the protocol carries it beside the network. */
export function formatAddress(address: Address): string {
  if (address.network === "unix") return address.path;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function parseSocketPath(address: string): Address | AddressProblem {
  if (address === "") return { problem: "socket path is empty", hint: "a plugin announces the path of its socket" };
  const path = resolve(address);
  const size = Buffer.byteLength(path);
  if (size > maxSocketPathBytes) {
    return {
      problem: `socket path is ${size} bytes long: ${path}`,
      hint: `at most ${maxSocketPathBytes} bytes work on this system; give plugins a shorter directory`,
    };
  }
  return { network: "unix", path };
}

function parseTcpAddress(address: string): Address | AddressProblem {
  const bracketed = /^\[([^\]]+)\]:([0-9]+)$/.exec(address);
  const plain = /^([^:[\]]*):([0-9]+)$/.exec(address);
  const [, host, portText] = bracketed ?? plain ?? [];
  const port = Number(portText);
  if (host === undefined || port > 65_535) {
    return {
      problem: `bad tcp address: ${JSON.stringify(address)}`,
      hint: "host:port is needed, with a port from 0 to 65535 and IPv6 addresses in brackets",
    };
  }
  return { network: "tcp", host: host === "" ? "127.0.0.1" : host, port };
}
