import type { Header } from "./fields.ts";

/** The trace of an execution, as headers to pass on to the target. Source: W3C Trace Context, section 3. */
export function traceHeaders(traceContext: Readonly<Record<string, string>>): readonly Header[] {
  return ["traceparent", "tracestate"].flatMap((name) => {
    const value = traceContext[name];
    return value === undefined || value === "" ? [] : [[name, value] as const];
  });
}
