import { nowhere, readBody } from "../answer.ts";
import type { AcceptedWork, Attempt } from "../attempt-record.ts";
import type { HttpResponse } from "../exchange.ts";
import { parseJsonPath, valueAt } from "../expect/json-path.ts";
import { RequestFailure } from "../failure.ts";
import { emptyCount } from "../response/relay.ts";
import { retryAfterMs } from "../retry/retry-after.ts";

/**
 * Has the server only taken the work on? Reads the body of such a response; it is no output.
 *
 * @returns undefined when the response is already the answer
 * @throws {RequestFailure} `POLL_IMPOSSIBLE` when nobody says where to ask
 */
export async function acceptedWork(
  response: HttpResponse,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<AcceptedWork | undefined> {
  const { execution, record } = attempt;
  const { poll } = execution.config;
  if (poll === undefined || response.status !== 202) return undefined;
  record.response = response;
  record.expected = true;
  const document = parseDocument(await readBody(response, attempt, { output: nowhere, keep: true, signal }));
  record.body = emptyCount();
  const location = response.headers["location"]?.[0];
  const asked = poll.status_url === undefined ? location : fillIn(poll.status_url, document);
  if (asked === undefined) {
    throw new RequestFailure("POLL_IMPOSSIBLE", "status 202 without a Location header to ask at", {
      hint: "set poll.status_url",
    });
  }
  const url = resolve(asked, record.url);
  const { cancel_url: cancelUrl, cancel_method: method = "DELETE" } = poll;
  const cancels = cancelUrl !== undefined || poll.cancel_method !== undefined;
  return {
    url,
    cancel: cancels
      ? { url: cancelUrl === undefined ? url : resolve(fillIn(cancelUrl, document), record.url), method }
      : undefined,
    retryAfterMs: retryAfterMs(response.headers["retry-after"]?.[0]),
    questions: 0,
  };
}

/** The JSON in a body; undefined when there is none. */
export function parseDocument(body: Buffer | undefined): unknown {
  try {
    return body === undefined ? undefined : JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Put values of a document in the place of `{path}`. */
function fillIn(template: string, document: unknown): string {
  return template.replace(/\{([^{}]+)\}/g, (_placeholder, text: string) => {
    const path = parseJsonPath(text);
    const value = path && valueAt(document, path);
    if (typeof value === "string" || typeof value === "number") return encodeURIComponent(value);
    throw new RequestFailure("POLL_IMPOSSIBLE", `the body of the 202 has no ${text}, as poll asks for`);
  });
}

function resolve(reference: string, base: URL): URL {
  const url = URL.parse(reference, base.href);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) {
    url.username = "";
    url.password = "";
    return url;
  }
  throw new RequestFailure("POLL_IMPOSSIBLE", "where to ask about accepted work is no http or https URL");
}
