import type { Execution } from "@executor-host/sdk";
import { pause, type RemoteFailure, type Work } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import type { Link } from "./connection/link.ts";
import { isPassing, isRefusal, serviceFailure } from "./connection/service-failure.ts";
import { limits } from "./defaults.ts";
import { fail } from "./failure.ts";
import type { Message } from "./message/message.ts";
import { requestsOf } from "./message/read.ts";

/**
 * Publish messages in their order, request by request; the first that fails ends it, so that no message overtakes another of its key.
 *
 * @param topic `projects/PROJECT/topics/ID`
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function publish(
  work: Work<Config>,
  link: Link,
  topic: string,
  messages: readonly Message[],
): Promise<void> {
  const { stdout } = work.execution;
  const ids: string[] = [];
  let attempts = 0;
  const note = (): void => {
    work.evidence = {
      ...work.evidence,
      topic,
      messages: { given: messages.length, published: ids.length },
      messageIds: ids.slice(0, limits.evidenceIds),
      attempts,
    };
  };
  const onAttempt = (): void => {
    attempts++;
    note();
  };
  for (const request of requestsOf(messages)) {
    work.phase = phase(ids.length, messages.length);
    const answer = await publishRequest(work, link, topic, request, onAttempt);
    ids.push(...answer);
    note();
    if (!stdout.write(answer.map((id) => `${id}\n`).join(""))) await stdout.drained();
  }
}

async function publishRequest(
  work: Work<Config>,
  link: Link,
  topic: string,
  request: readonly Message[],
  onAttempt: () => void,
): Promise<readonly string[]> {
  const { execution, signal } = work;
  const { retry_attempts: most, retry_backoff: backoffMs } = execution.config;
  for (let attempt = 1; ; attempt++) {
    onAttempt();
    const known = work.effect;
    // What was published before stays published.
    if (known === "NONE") work.effect = undefined;
    try {
      const { messageIds = [] } = await link.publish(request, { topic, signal });
      if (messageIds.length !== request.length) {
        throw fail("ANSWER_INVALID", `Pub/Sub gave ${messageIds.length} ids for ${request.length} messages`);
      }
      work.effect = "HAPPENED";
      return messageIds;
    } catch (error) {
      signal.throwIfAborted();
      const failure = serviceFailure(error, link.route.peer);
      if (isRefusal(failure)) work.effect = known;
      const waitMs =
        Math.min(backoffMs * 2 ** (attempt - 1), Math.max(backoffMs, limits.maxBackoffMs)) * (0.5 + Math.random());
      if (attempt === most || !isPassing(failure) || Date.now() + waitMs >= work.endMs) throw failure;
      tell(execution, failure, attempt);
      await pause(waitMs, signal);
    }
  }
}

function tell(execution: Execution<Config>, failure: RemoteFailure, attempt: number): void {
  const { message, code } = failure;
  execution.progress({ message: `attempt ${attempt} failed: ${message}`, details: { attempt, code } });
}

function phase(published: number, given: number): string {
  return given === 1
    ? "while waiting for the message's id"
    : `while waiting for ids, after ${published} of ${given} messages`;
}
