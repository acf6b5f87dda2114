import { RemoteFailure } from "@executor-host/sdk/remote";
import type { Msg } from "nats";

import { fail } from "../failure.ts";
import { commonHeaders } from "../message/headers.ts";
import { outgoing } from "../message/prepare.ts";
import { isNoResponders } from "./api.ts";
import type { Delivery } from "./delivery.ts";

/** Failures that mean that nobody has got the request. */
const undelivered = new Set(["PERMISSION_DENIED", "NO_RESPONDERS"]);

/**
 * Send a request, and pass each reply on as output.
 *
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function request(delivery: Delivery): Promise<void> {
  const { execution, link, subject, payload, signal } = delivery;
  const { replies: wanted, reply_silence: silenceMs } = execution.config;
  const message = outgoing(link, subject, payload, commonHeaders(execution));
  const silence = new AbortController();
  let silenceTimer: NodeJS.Timeout | undefined;
  let count = 0;

  const take = (reply: Msg): boolean => {
    if (isNoResponders(reply)) throw fail("NO_RESPONDERS", `nobody answers requests on ${subject}`);
    delivery.effect = "HAPPENED";
    if (wanted === 0 && count > 0 && reply.data.length === 0) return true;
    count++;
    delivery.phase = phase(count, wanted);
    delivery.evidence = { ...delivery.evidence, replies: count };
    execution.stdout.write(reply.data);
    if (wanted !== 1 && reply.data.at(-1) !== newline) execution.stdout.write("\n");
    throwIfError(reply, subject);
    if (wanted > 0) return count === wanted;
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => silence.abort(), silenceMs);
    return false;
  };

  delivery.phase = phase(0, wanted);
  delivery.effect = undefined;
  delivery.evidence = { ...delivery.evidence, replies: 0 };
  try {
    await link.request(message, take, AbortSignal.any([signal, silence.signal]));
  } catch (error) {
    if (error instanceof RemoteFailure && undelivered.has(error.code)) delivery.effect = "NONE";
    // Silence is how a request for any number of replies ends.
    if (signal.aborted || !silence.signal.aborted || error !== silence.signal.reason) throw error;
  } finally {
    clearTimeout(silenceTimer);
  }
}

const newline = "\n".codePointAt(0);

function phase(count: number, wanted: number): string {
  return wanted === 1
    ? "while waiting for the reply"
    : `while waiting for replies, after ${count} of ${wanted === 0 ? "any" : wanted}`;
}

/** Services written with NATS's own framework tell errors in headers. */
function throwIfError({ headers }: Msg, subject: string): void {
  const code = headers?.get("Nats-Service-Error-Code") ?? "";
  const text = headers?.get("Nats-Service-Error") ?? "";
  if (code === "" && text === "") return;
  throw fail("SERVICE_ERROR", `the service on ${subject} reports error ${code || "without a code"}: ${text}`, {
    retryability: Number(code) >= 400 && Number(code) < 500 ? "PERMANENT" : undefined,
  });
}
