import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";

import { FieldError } from "@executor-host/sdk";

import { parseObject } from "../expect/parse.ts";

/** Addresses by host name, in lower case, that hold instead of what the system would say. */
export type AddressBook = Readonly<Record<string, string>>;

/**
 * Read `resolve`.
 *
 * @throws {FieldError}
 */
export function parseAddresses(text: string): AddressBook {
  const entries = Object.entries(parseObject(text, '{"name": "address"}'));
  return Object.fromEntries(entries.map(([name, address]) => [name.toLowerCase(), parseAddress(address)]));
}

/**
 * Read an IP address.
 *
 * @throws {FieldError}
 */
export function parseAddress(given: unknown): string {
  if (typeof given === "string" && isIP(given) !== 0) return given;
  throw new FieldError(`no IP address: ${JSON.stringify(given)}`, "such as 10.0.0.7 or fd00::7");
}

/** How names become addresses on the way to a target. An address in a URL is not looked up. */
export function lookupWith(addresses: AddressBook): LookupFunction {
  return (hostname, options, callback) => {
    const address = addresses[hostname.toLowerCase()];
    if (address === undefined) return systemLookup(hostname, options, callback);
    const family = isIP(address);
    return options.all === true ? callback(null, [{ address, family }]) : callback(null, address, family);
  };
}
