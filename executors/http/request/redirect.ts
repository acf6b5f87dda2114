import { RequestFailure } from "../failure.ts";
import { isSecretHeader, redactUrl } from "../redact.ts";
import type { BodyContent } from "./body.ts";
import { withoutHeaders, type HeaderList } from "./headers.ts";

/** A request before it is put on the wire. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: HeaderList;
  readonly body: BodyContent | undefined;
}

/** The same caller asking for something else: a GET, with what describes a body taken out, and credentials kept to their origin. */
export function withoutBody(request: OutgoingRequest, url: URL): OutgoingRequest {
  const headers = withoutHeaders(request.headers, ...bodyHeaders, "idempotency-key");
  return { method: "GET", url, headers: within(headers, request.url, url), body: undefined };
}

/** `safe` follows for GET and HEAD only; `all` follows for every method, as Dkron does. */
export type RedirectPolicy = "off" | "safe" | "all";

const followed = new Set([301, 302, 303, 307, 308]);
const safeMethods = new Set(["GET", "HEAD"]);
const bodyHeaders = ["content-encoding", "content-language", "content-location", "content-type"];
/**
 * The request that a redirect asks for.
 *
 * Source: WHATWG Fetch, "HTTP-redirect fetch", for methods and headers.
 *
 * @returns undefined when this response is to be taken as the answer
 * @throws {RequestFailure} `REDIRECT_INVALID`
 */
export function redirected(
  request: OutgoingRequest,
  response: { readonly status: number; readonly headers: Record<string, readonly string[]> },
  policy: RedirectPolicy,
): OutgoingRequest | undefined {
  const location = response.headers["location"]?.[0];
  if (!followed.has(response.status) || location === undefined) return undefined;
  if (policy === "off" || (policy === "safe" && !safeMethods.has(request.method))) return undefined;
  const url = resolve(location, request.url);
  const toGet =
    (response.status === 303 && !safeMethods.has(request.method)) ||
    ((response.status === 301 || response.status === 302) && request.method === "POST");
  let headers = request.headers;
  if (toGet) headers = withoutHeaders(headers, ...bodyHeaders);
  headers = within(headers, request.url, url);
  return { method: toGet ? "GET" : request.method, url, headers, body: toGet ? undefined : request.body };
}

/** What lets us in at one origin is nobody else's business, and a `Host` names one origin. */
function within(headers: HeaderList, from: URL, to: URL): HeaderList {
  if (from.origin === to.origin) return headers;
  return headers.filter(([name]) => name.toLowerCase() !== "host" && !isSecretHeader(name));
}

function resolve(location: string, base: URL): URL {
  const url = URL.parse(location, base.href);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    const shown = url === null ? "no URL" : `${url.protocol} URL`;
    throw new RequestFailure("REDIRECT_INVALID", `${redactUrl(base)} redirects to what cannot be followed: ${shown}`, {
      hint: "set redirects=off and look at the Location header in the evidence",
    });
  }
  // Credentials come from the job, never from a server.
  url.username = "";
  url.password = "";
  if (url.hash === "") url.hash = base.hash;
  return url;
}
