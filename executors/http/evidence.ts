import type { JsonObject } from "@executor-host/sdk";

import type { AttemptRecord } from "./attempt-record.ts";
import { redactHeaders, redactUrl } from "./redact.ts";

/**
 * Proof of what happened, for the result.
 *
 * Keys: `url`, `status`, `statusText`, `httpVersion`, `headers` (name -> values), `redirects`, `bytes`, `timings`, `remoteAddress`, `tls`: those
 * of the last attempt; `accepted`, for work that was polled; `attempts`, one line for each. Times are milliseconds. What may be a secret is masked.
 */
export function evidenceOf(records: readonly AttemptRecord[]): JsonObject {
  const last = records.at(-1);
  if (last === undefined) return {};
  return { ...responseEvidence(last), attempts: records.map(attemptEvidence) };
}

function responseEvidence(record: AttemptRecord): JsonObject {
  const { response, body, accepted } = record;
  const base = {
    url: redactUrl(record.url),
    redirects: record.hops.map((hop) => ({ ...hop })),
    accepted: accepted && { url: redactUrl(accepted.url), questions: accepted.questions },
  };
  if (response === undefined) return base;
  const { connection, reused } = response;
  return {
    ...base,
    status: response.status,
    statusText: response.statusText,
    httpVersion: connection.http2 ? "2" : "1.1",
    headers: redactHeaders(response.headers),
    bytes: { ...body },
    timings: {
      ...(reused
        ? {}
        : {
            dnsMs: roundMs(connection.dnsMs),
            connectMs: roundMs(connection.connectMs),
            proxyMs: roundMs(connection.proxyMs),
            tlsMs: roundMs(connection.tlsMs),
          }),
      firstByteMs: roundMs(response.firstByteMs),
      totalMs: roundMs(record.durationMs),
    },
    connectionReused: reused,
    remoteAddress: connection.remoteAddress,
    tls: connection.tls === undefined ? undefined : { ...connection.tls },
  };
}

function attemptEvidence(record: AttemptRecord): JsonObject {
  return {
    attempt: record.attempt,
    startedAt: record.startedAt.toISOString(),
    durationMs: roundMs(record.durationMs),
    status: record.response?.status,
    code: record.failure?.code,
    message: record.failure?.message,
  };
}

/** To a tenth of a millisecond. */
export function roundMs(durationMs: number | undefined): number | undefined {
  return durationMs === undefined ? undefined : Math.round(durationMs * 10) / 10;
}
