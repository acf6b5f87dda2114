import { readFile } from "node:fs/promises";

import { ConfigError } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { messageOf } from "../failure.ts";

/** Who the engine must be, and who we are: PEM texts. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const keys = { ca: "tls_ca", cert: "tls_certificate", key: "tls_certificate_key" } as const;

/** Read at each execution, so that a renewed certificate counts at once. @throws {ConfigError} for a file that cannot be read */
export async function readTlsMaterial(config: Config): Promise<TlsMaterial> {
  const entries = await Promise.all(
    Object.entries(keys).map(async ([name, key]) => {
      const given = config[key];
      return given === undefined || given === "" ? [] : [[name, await pem(key, given)] as const];
    }),
  );
  return Object.fromEntries(entries.flat());
}

async function pem(field: string, given: string): Promise<string> {
  if (given.includes("-----BEGIN ")) return given;
  try {
    return await readFile(given, "utf8");
  } catch (error) {
    throw new ConfigError([
      {
        field,
        message: `cannot be read: ${messageOf(error)}`,
        hint: "write PEM text, or the path of a PEM file on the executor's machine",
      },
    ]);
  }
}
