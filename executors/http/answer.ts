import type { OutputStream } from "@executor-host/sdk";

import { abortable } from "./abortable.ts";
import type { Attempt } from "./attempt-record.ts";
import type { HttpResponse } from "./exchange.ts";
import { exchangeFailure } from "./exchange-failure.ts";
import { checkBody, checkHeaders, checkStatus, looksAtBody } from "./expect/expectations.ts";
import { discard } from "./follow.ts";
import { decodersFor } from "./response/decode.ts";
import { relayBody } from "./response/relay.ts";

export interface AnswerOptions {
  readonly signal: AbortSignal;
  /** The body, if it has been read already. */
  readonly body?: Buffer;
}

/**
 * Take a response as the answer: pass its body on, and check whether it is the success that the job expects.
 *
 * @throws {RequestFailure} when it is not
 */
export async function takeAnswer(response: HttpResponse, attempt: Attempt, options: AnswerOptions): Promise<void> {
  const { execution, record } = attempt;
  const { config } = execution;
  record.response = response;
  const unexpectedStatus = checkStatus(config, response, record.trusted);
  record.expected = unexpectedStatus === undefined;
  const unexpected = unexpectedStatus ?? checkHeaders(config, response);
  if (unexpected !== undefined && attempt.willRetry(unexpected)) {
    await discard(response.body);
    throw unexpected;
  }
  const { signal } = options;
  const output = execution.stdout;
  if (options.body !== undefined && !output.write(options.body)) await abortable(output.drained(), signal);
  const body = options.body ?? (await readBody(response, attempt, { output, keep: looksAtBody(config), signal }));
  if (unexpected !== undefined) throw unexpected;
  const contentType = response.headers["content-type"]?.[0] ?? "";
  const mismatch = body && checkBody(config, body, contentType, record.body.truncated);
  if (mismatch !== undefined) throw mismatch;
}

/** Output that goes nowhere, for a body that is only looked at. */
export const nowhere: ReadBodyOptions["output"] = { write: () => true, drained: () => Promise.resolve() };

export interface ReadBodyOptions {
  readonly output: Pick<OutputStream, "write" | "drained">;
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

/** Read a body as the config says; counts in the attempt's record. */
export async function readBody(
  response: HttpResponse,
  { execution, prepared, record }: Attempt,
  { output, keep, signal }: ReadBodyOptions,
): Promise<Buffer | undefined> {
  const { config } = execution;
  const coding = response.headers["content-encoding"];
  const decoders = prepared.decompress ? decodersFor(coding) : [];
  if (decoders === undefined) {
    execution.warn(`body is passed on as it came: content coding not known: ${coding?.join(", ")}`);
  }
  const route = prepared.routeTo(record.url, record.trusted);
  const kept = await relayBody(response.body, record.body, {
    output,
    decoders: decoders ?? [],
    maxBytes: config.max_body_bytes,
    overflow: config.body_overflow,
    keep,
    idleTimeoutMs: config.idle_timeout ?? 0,
    signal,
    explain: (error) => exchangeFailure(error, route, signal),
  });
  if (record.body.truncated) execution.warn(`body was cut off after max_body_bytes: ${config.max_body_bytes}`);
  return kept;
}
