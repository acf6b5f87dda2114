import { fromBinary, toJson, type DescMethod, type Registry } from "@bufbuild/protobuf";
import type { JsonValue } from "@executor-host/sdk";
import { grpcConnectFailure, messageOf, type Work } from "@executor-host/sdk/remote";
import type { Metadata } from "@grpc/grpc-js";

import type { Config } from "../config.ts";
import type { Link } from "../connection/link.ts";
import { fail } from "../failure.ts";
import { encodeMessages } from "../request/messages.ts";
import { shownMetadata } from "../request/metadata.ts";
import type { Resolved } from "../schema/resolve.ts";
import { makeCall, type Ending } from "./call.ts";
import { errorDetails } from "./details.ts";
import { assertContains } from "./expectation.ts";
import { statusFailure } from "./status-failure.ts";
import { codes, statusKind } from "./status.ts";

/**
 * Call a method, and pass each response on as a line of JSON.
 *
 * @throws {RemoteFailure} when the status is not the expected one
 * @throws `signal.reason`
 */
export async function invoke(
  work: Work<Config>,
  link: Link,
  { method, registry }: Resolved,
  body: string,
  metadata: Metadata,
): Promise<void> {
  const { config, stdout, signal } = work.execution;
  const messages = encodeMessages(body, method, registry, config.max_send_bytes);
  const path = `/${method.parent.typeName}/${method.name}`;
  let received = 0;
  let last: JsonValue | undefined;
  let receivedBytes = 0;
  const startedMs = performance.now();
  let firstMs: number | undefined;
  work.phase = "during the call";
  work.effect = undefined;
  using told = work.tellEnd();
  const ending = await makeCall(link, {
    path,
    messages,
    metadata,
    deadlineMs: told.endMs,
    // The call ends by itself at its deadline, and tells more than we could.
    signal,
    onMessage: (bytes) => {
      received++;
      receivedBytes += bytes.length;
      firstMs ??= performance.now() - startedMs;
      last = decode(bytes, method, registry, config);
      const hasRoom = stdout.write(`${JSON.stringify(last)}\n`);
      return hasRoom ? undefined : stdout.drained();
    },
  });
  const { details, retryAfterMs } = errorDetails(ending.trailers, registry);
  const isUnsent = grpcConnectFailure(ending, link.route.peer) !== undefined;
  work.effect = isUnsent ? "NONE" : effectOf(ending);
  work.evidence = {
    ...work.evidence,
    kind: method.methodKind,
    peer: ending.peer,
    status: { code: ending.code, name: statusKind(ending.code).name, message: ending.message, details },
    headers: ending.headers && shownMetadata(ending.headers),
    trailers: shownMetadata(ending.trailers),
    messages: { sent: messages.length, received, receivedBytes },
    timings: { firstMessageMs: roundMs(firstMs), callMs: roundMs(performance.now() - startedMs) },
  };
  work.isRepeatable = config.retry_attempts > 1 && config.retry_codes.includes(statusKind(ending.code).name);
  judge(work, link, method, ending, received, retryAfterMs);
  if (config.expect_message !== undefined) assertContains(last, config.expect_message);
}

function judge(
  { execution: { config } }: Work<Config>,
  link: Link,
  { name, methodKind }: DescMethod,
  ending: Ending,
  received: number,
  retryAfterMs: number | undefined,
): void {
  if (!config.expectCode.has(ending.code) || grpcConnectFailure(ending, link.route.peer) !== undefined) {
    if (ending.code !== codes.OK) throw statusFailure(ending, link.route.peer, undefined, retryAfterMs);
    throw fail("STATUS_UNEXPECTED", `status OK, expected ${config.expectCode.text}`);
  }
  const isOne = methodKind === "unary" || methodKind === "client_streaming";
  if (ending.code === codes.OK && isOne && received === 0) {
    throw fail("RESPONSE_MISSING", `${name} ended with status OK, and without its response`);
  }
}

function effectOf(ending: Ending): Work<Config>["effect"] {
  if (ending.code === codes.OK) return "HAPPENED";
  return statusKind(ending.code).isRefusal === true ? "NONE" : undefined;
}

function decode(bytes: Uint8Array, { output }: DescMethod, registry: Registry, config: Config): JsonValue {
  try {
    const json = toJson(output, fromBinary(output, bytes), {
      registry,
      alwaysEmitImplicit: config.output_defaults,
      useProtoFieldName: config.output_proto_names,
    });
    return json;
  } catch (error) {
    throw fail("RESPONSE_UNDECODABLE", `a response is no ${output.typeName}: ${messageOf(error)}`, {
      hint: "the server may be of another version than the descriptors",
      cause: error,
    });
  }
}

/** To a tenth of a millisecond. */
function roundMs(durationMs: number | undefined): number | undefined {
  return durationMs === undefined ? undefined : Math.round(durationMs * 10) / 10;
}
