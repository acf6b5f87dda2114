import { isDeepStrictEqual } from "node:util";

import type { Config } from "../config.ts";
import { RequestFailure } from "../failure.ts";

import { retryAfterMs } from "../retry/retry-after.ts";
import { defaultRetryStatuses } from "../retry/statuses.ts";
import { valueAt } from "./json-path.ts";
import { matches } from "./matches.ts";
import type { JsonExpectation } from "./parse.ts";

/** The head of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/**
 * Is the status what the job expects?
 *
 * @param trusted the response comes from the origin that the job names, and not from one that a redirect led to
 */
export function checkStatus(config: Config, response: ResponseHead, trusted: boolean): RequestFailure | undefined {
  const { status, headers } = response;
  if (config.expectCode.includes(status)) return undefined;
  return new RequestFailure("STATUS_UNEXPECTED", `status ${status}, expected ${config.expectCode.text}`, {
    hint: hintOf(config, status, trusted),
    retryability: defaultRetryStatuses.includes(status)
      ? "RETRYABLE"
      : status >= 400 && status < 500
        ? "PERMANENT"
        : undefined,
    retryAfterMs: retryAfterMs(headers["retry-after"]?.[0]),
  });
}

function hintOf(config: Config, status: number, trusted: boolean): string | undefined {
  if (status === 401 && !trusted)
    return "credentials do not follow a redirect to another origin; name the final one in url";
  if (status === 401 && config.auth === undefined) return "set auth";
  if (status === 407) return "put user and password into the proxy's URL";
  if (status < 300 || status > 399 || config.redirects === "all") return undefined;
  return `redirects=${config.redirects} does not follow this one`;
}

/** Are the headers what the job expects? */
export function checkHeaders(config: Config, { headers }: ResponseHead): RequestFailure | undefined {
  for (const { name, pattern } of config.expectHeader ?? []) {
    const values = headers[name];
    if (values === undefined) {
      return new RequestFailure("HEADER_MISMATCH", `no header ${name}, expected one that matches ${pattern.text}`);
    }
    if (!values.some((value) => matches(pattern, value))) {
      return new RequestFailure("HEADER_MISMATCH", `header ${name} does not match ${pattern.text}`, {
        hint: "the evidence holds the headers",
      });
    }
  }
  return undefined;
}

/** Does the job look at the body? */
export function looksAtBody(config: Config): boolean {
  return config.expectBody !== undefined || config.expectJson !== undefined;
}

/** Is the body what the job expects? */
export function checkBody(
  config: Config,
  body: Buffer,
  contentType: string,
  truncated: boolean,
): RequestFailure | undefined {
  const text = decodeText(body, contentType);
  const size = truncated ? `the first ${body.length} bytes of the body` : `the body of ${body.length} bytes`;
  if (config.expectBody !== undefined && !matches(config.expectBody, text)) {
    return new RequestFailure(
      "BODY_MISMATCH",
      `${size} do${truncated ? "" : "es"} not match ${config.expectBody.text}`,
    );
  }
  if (config.expectJson === undefined) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return new RequestFailure(
      "BODY_MISMATCH",
      `${size} ${truncated ? "are" : "is"} not JSON, expected ${config.expectJson.map(({ text: path }) => path).join(", ")} in it`,
    );
  }
  for (const expectation of config.expectJson) {
    if (!holds(expectation, document)) {
      const { path, text: shown, value } = expectation;
      const actual = valueAt(document, path);
      return new RequestFailure(
        "BODY_MISMATCH",
        `${shown || "the body"} is ${brief(actual)}, expected ${brief(value)}`,
      );
    }
  }
  return undefined;
}

/** Is the value there what it must be? */
export function holds({ path, value }: JsonExpectation, document: unknown): boolean {
  return isDeepStrictEqual(valueAt(document, path), value);
}

function decodeText(body: Buffer, contentType: string): string {
  const charset = /;\s*charset="?([\w-]+)/i.exec(contentType)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    // A charset that nobody knows: most text is still readable as UTF-8.
    return new TextDecoder().decode(body);
  }
}

/** A JSON value in few characters; what is not there, in words. */
function brief(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? `an array of ${value.length}` : "an object";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
