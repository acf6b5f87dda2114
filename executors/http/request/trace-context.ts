import type { HeaderList } from "./headers.ts";

/** The headers that carry the execution's trace on to the target. Source: W3C Trace Context, section 3. */
export function traceHeaders(traceContext: Readonly<Record<string, string>>): HeaderList {
  return ["traceparent", "tracestate"].flatMap((name) => {
    const value = traceContext[name];
    return value === undefined || value === "" ? [] : [[name, value] as const];
  });
}
