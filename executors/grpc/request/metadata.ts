import { FieldError, type Execution } from "@executor-host/sdk";
import { parseHeaderList, traceHeaders, type Header } from "@executor-host/sdk/remote";
import type { Metadata } from "@grpc/grpc-js";

import type { Config } from "../config.ts";

/** Read `headers` as gRPC's metadata; values of names that end in -bin are base64. @throws {FieldError} that names no value */
export function parseMetadata(text: string): readonly Header[] {
  return parseHeaderList(text).map(([given, value]) => {
    const name = given.toLowerCase();
    const shown = `header ${JSON.stringify(given)}`;
    if (!/^[0-9a-z_.-]+$/.test(name)) throw new FieldError(`${shown} has no valid name`, "letters, digits, -, _ and .");
    if (name.startsWith("grpc-")) throw new FieldError(`${shown} is reserved by gRPC`, "choose another name");
    if (name.endsWith("-bin")) {
      if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) {
        throw new FieldError(
          `the value of ${shown} is not base64`,
          "a name that ends in -bin carries bytes, in base64",
        );
      }
    } else if (!/^[\x20-\x7E]*$/.test(value)) {
      throw new FieldError(`the value of ${shown} is not plain ASCII`, "use a name that ends in -bin, and base64");
    }
    return [name, value];
  });
}

/** The metadata of a call: what the job says, its token, and the execution's trace. */
export function fillMetadata(
  metadata: Metadata,
  { config, traceContext }: Pick<Execution<Config>, "config" | "traceContext">,
): Metadata {
  const given = config.headers ?? [];
  const names = new Set(given.map(([name]) => name));
  const token: readonly Header[] = config.token === undefined ? [] : [["authorization", `Bearer ${config.token}`]];
  for (const [name, value] of [...given, ...token, ...traceHeaders(traceContext).filter(([own]) => !names.has(own))]) {
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

const secretNames =
  /auth(?!or)|credential|passw(or)?d|secret|session|signature|token|cookie|(api|access|private)[-_]?key/i;

/** What a server sent, as people may see it: values by name, bytes in base64, secrets masked. */
export function shownMetadata(metadata: Metadata): Record<string, string[]> {
  return Object.fromEntries(
    Object.keys(metadata.getMap())
      .filter((name) => name !== "grpc-status-details-bin")
      .map((name) => [
        name,
        metadata
          .get(name)
          .map((value) =>
            secretNames.test(name) ? "***" : typeof value === "string" ? value : value.toString("base64"),
          ),
      ]),
  );
}
