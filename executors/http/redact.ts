/** What stands in the place of a secret. */
const mask = "***";

/** Headers whose values may let somebody in. */
const secretHeaders = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "set-cookie2",
  "www-authenticate",
  "proxy-authenticate",
  "authentication-info",
  "proxy-authentication-info",
]);

/** Names that people give to secrets, in headers and query parameters alike: words that say it anywhere, and short ones standing alone. */
const secretName =
  /auth(?!or)|credential|passw(or)?d|secret|session|signature|token|(api|access|private|account)[-_]?key|(^|[-_.])(code|jwt|key|pass|pwd|sid|sig)($|[-_.])/i;

/** Names that only look like it. */
const harmless = new Set(["idempotency-key", "sec-websocket-key"]);

/** May a header of this name let somebody in? */
export function isSecretHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return !harmless.has(lower) && (secretHeaders.has(lower) || secretName.test(lower));
}

/** @returns the value, or a mask when the header's name says that it is a secret */
export function redactHeader(name: string, value: string): string {
  const lower = name.toLowerCase();
  // A location is a URL, and may carry a token in its query.
  if (lower === "location" || lower === "content-location" || lower === "referer") return redactReference(value);
  return isSecretHeader(name) ? mask : value;
}

/** @returns headers as people may see them: each name with its values */
export function redactHeaders(headers: Record<string, readonly string[]>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, values.map((value) => redactHeader(name, value))]),
  );
}

/** @returns the URL without user, password, fragment and the values of query parameters that look like secrets */
export function redactUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  shown.hash = "";
  shown.search = redactQuery(shown.search);
  return shown.href;
}

/** As `redactUrl`, for a reference that may be relative or no URL at all. */
function redactReference(reference: string): string {
  const url = URL.parse(reference);
  if (url !== null) return redactUrl(url);
  const [path = "", ...query] = reference.split("?");
  return query.length === 0 ? path : path + redactQuery(`?${query.join("?")}`);
}

/** Works on the text, because a round trip through URLSearchParams would rewrite what is no secret. */
function redactQuery(search: string): string {
  return search.replace(/([?&])([^=&#]+)=([^&#]*)/g, (pair, separator: string, name: string) =>
    secretName.test(name) ? `${separator}${name}=${mask}` : pair,
  );
}
