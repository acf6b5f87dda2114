import { pause, RemoteFailure } from "@executor-host/sdk/remote";
import type { Msg } from "nats";

import type { Link, Outgoing } from "../connection/link.ts";
import { limits } from "../defaults.ts";
import { fail } from "../failure.ts";
import { commonHeaders, streamHeaders } from "../message/headers.ts";
import { outgoing } from "../message/prepare.ts";
import { isNoResponders, readJson, type ApiError } from "./api.ts";
import type { Delivery } from "./delivery.ts";

/** What a stream says when it has stored a message. */
interface Ack {
  readonly stream: string;
  readonly sequence: number;
  readonly duplicate: boolean;
  readonly domain: string | undefined;
}

/** Failures that mean that the message was stored nowhere. */
const refusals = new Set([
  "PERMISSION_DENIED",
  "NO_STREAM",
  "JETSTREAM_DISABLED",
  "EXPECTATION_FAILED",
  "STREAM_REFUSED",
  "PAYLOAD_TOO_LARGE",
]);

/**
 * Publish, and wait until a stream has stored the message.
 *
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function publishToStream(delivery: Delivery): Promise<void> {
  const { execution, link, subject, payload, signal } = delivery;
  const message = outgoing(link, subject, payload, [...commonHeaders(execution), ...streamHeaders(execution)]);
  // By its id, a stream stores it once. A bucket's values have none.
  delivery.isRepeatable = execution.config.kv_bucket === undefined;
  delivery.phase = "while waiting for the stream to acknowledge the message";
  delivery.effect = undefined;
  try {
    const ack = await store(link, message, signal);
    delivery.effect = "HAPPENED";
    delivery.evidence = { ...delivery.evidence, ...ack };
    const again = ack.duplicate ? ", which has it already" : "";
    execution.stdout.write(
      `published ${payload.length} bytes to ${subject}: stream ${ack.stream}, sequence ${ack.sequence}${again}\n`,
    );
  } catch (error) {
    if (error instanceof RemoteFailure && refusals.has(error.code)) delivery.effect = "NONE";
    throw error;
  }
}

async function store(link: Link, message: Outgoing, signal: AbortSignal): Promise<Ack> {
  for (let attempt = 1; ; attempt++) {
    let ack: Ack | undefined;
    await link.request(
      message,
      (reply) => {
        if (!isNoResponders(reply)) ack = readAck(reply, message.subject);
        return true;
      },
      signal,
      1,
    );
    if (ack !== undefined) return ack;
    // Nobody has received it, so it can be sent again.
    if (attempt === limits.streamAttempts) {
      throw fail("NO_STREAM", `no stream takes the subject ${message.subject}`, {
        hint: "create a stream for the subject, or set mode to core",
      });
    }
    await pause(limits.streamPauseMs, signal);
  }
}

function readAck(reply: Msg, subject: string): Ack {
  const answer = readJson(reply);
  const { error, stream, seq, duplicate, domain } = answer ?? {};
  if (typeof error === "object" && error !== null) throw refusal(error as ApiError, subject);
  if (typeof stream !== "string" || stream === "" || typeof seq !== "number") {
    throw fail("ACK_INVALID", `what answers on ${subject} is no stream`, {
      hint: "somebody else answers there; set mode to core, or to request to get the answer",
    });
  }
  return {
    stream,
    sequence: seq,
    duplicate: duplicate === true,
    domain: typeof domain === "string" && domain !== "" ? domain : undefined,
  };
}

/** What the server's own numbers mean. Source: server/errors.json of nats-server. */
const errorCodes: Readonly<Record<number, Parameters<typeof fail>[0]>> = {
  10_039: "JETSTREAM_DISABLED",
  10_076: "JETSTREAM_DISABLED",
  10_054: "PAYLOAD_TOO_LARGE",
  10_060: "EXPECTATION_FAILED",
  10_070: "EXPECTATION_FAILED",
  10_071: "EXPECTATION_FAILED",
  10_164: "EXPECTATION_FAILED",
};

function refusal({ code, err_code: number, description = "" }: ApiError, subject: string): RemoteFailure {
  const kind = errorCodes[number ?? 0] ?? "STREAM_REFUSED";
  const message = `the stream of ${subject} refuses the message: ${description} (${number ?? code})`;
  if (kind !== "STREAM_REFUSED") return fail(kind, message);
  return fail(kind, message, { retryability: code >= 500 ? "RETRYABLE" : "PERMANENT" });
}
