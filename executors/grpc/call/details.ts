import { createRegistry, fromBinary, toJson, type Registry } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@executor-host/sdk";
import type { Metadata } from "@grpc/grpc-js";

import { googleRpc } from "../schema/google-rpc.ts";

/** What a server tells of an error beside code and message. */
export interface ErrorDetails {
  /** As JSON, with their types in `@type`. */
  readonly details: readonly JsonObject[];
  /** Earliest sensible time of a retry, in milliseconds from now. */
  readonly retryAfterMs: number | undefined;
}

interface Status {
  readonly details: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
}

/** @param schema types of the server's own */
export function errorDetails(trailers: Metadata, schema: Registry): ErrorDetails {
  const [bytes] = trailers.get("grpc-status-details-bin");
  const status = googleRpc.getMessage("google.rpc.Status");
  if (!Buffer.isBuffer(bytes) || status === undefined) return { details: [], retryAfterMs: undefined };
  const registry = createRegistry(schema, googleRpc);
  try {
    const { details } = fromBinary(status, bytes) as unknown as Status;
    const shown = details.map((detail) => show(detail, registry));
    return { details: shown, retryAfterMs: retryAfter(shown) };
  } catch {
    // What cannot be read is no reason to lose the rest.
    return { details: [{ base64: bytes.toString("base64") }], retryAfterMs: undefined };
  }
}

function show({ typeUrl, value }: Status["details"][number], registry: Registry): JsonObject {
  const type = registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
  if (type === undefined) return { "@type": typeUrl, base64: Buffer.from(value).toString("base64") };
  const json = toJson(type, fromBinary(type, value), { registry }) as JsonValue;
  const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
  return { "@type": typeUrl, ...(isObject ? (json as JsonObject) : { value: json }) };
}

function retryAfter(details: readonly JsonObject[]): number | undefined {
  const info = details.find(({ "@type": type }) => typeof type === "string" && type.endsWith("/google.rpc.RetryInfo"));
  const delay = info?.["retryDelay"];
  const seconds = typeof delay === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1] : undefined;
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
