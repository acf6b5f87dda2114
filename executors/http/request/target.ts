import { FieldError } from "@executor-host/sdk";

/**
 * Read a URL to call: http or https, absolute.
 *
 * Messages never hold the text, as it may carry a password.
 *
 * @throws {FieldError}
 */
export function parseTarget(text: string): URL {
  const url = URL.parse(text.trim());
  if (url === null) throw new FieldError("is not an absolute URL", "such as https://api.example.test/run");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new FieldError(
      `has a scheme that is neither http nor https: ${url.protocol.slice(0, -1)}`,
      "write http:// or https://",
    );
  }
  try {
    decodeURIComponent(url.username + url.password);
  } catch {
    throw new FieldError("has a user or password that is not properly encoded", "write % as %25");
  }
  return url;
}

/**
 * Read `method`; lower case is corrected.
 *
 * @throws {FieldError}
 */
export function parseMethod(text: string): string {
  const method = text.trim().toUpperCase();
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Z]+$/.test(method))
    throw new FieldError(`${JSON.stringify(text)} is no method`, "such as GET or POST");
  if (method === "CONNECT")
    throw new FieldError("CONNECT opens a tunnel and is no request", "for a proxy, set `proxy`");
  return method;
}

/** Parameters to add to a URL; a name may have several values. */
export type QueryParameters = readonly (readonly [name: string, value: string])[];

/**
 * Read `query` or `form`.
 *
 * Shape: a JSON object whose values are strings, numbers, booleans or arrays of these; or text such as `a=1&b=2`, already encoded.
 *
 * @throws {FieldError}
 */
export function parseParameters(text: string): QueryParameters {
  if (!text.trimStart().startsWith("{")) return [...new URLSearchParams(text)];
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new FieldError("is not JSON", parametersHint);
  }
  return Object.entries(json).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((value: unknown) => {
      if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
        return [name, String(value)] as const;
      }
      throw new FieldError(`${JSON.stringify(name)} has a value that is no text or number`, parametersHint);
    }),
  );
}

const parametersHint = 'write {"name": "value", "several": ["a", "b"]} or name=value&other=value';

/** The URL with parameters added behind those it has. */
export function withQuery(url: URL, parameters: QueryParameters): URL {
  if (parameters.length === 0) return url;
  const extended = new URL(url);
  const added = encodeParameters(parameters);
  extended.search = extended.search === "" ? added : `${extended.search}&${added}`;
  return extended;
}

/** As in a query or a form: `a=1&b=two+words`. */
export function encodeParameters(parameters: QueryParameters): string {
  const encoded = new URLSearchParams();
  for (const [name, value] of parameters) encoded.append(name, value);
  return encoded.toString();
}

/** The host of a URL as sockets want it: an IPv6 address without brackets. */
export function hostnameOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

/** The port of a URL, also where it is the scheme's own. */
export function portOf(url: URL): number {
  return url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
}
