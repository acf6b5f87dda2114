import type { Execution } from "@executor-host/sdk";

import type { Config } from "./config.ts";
import type { HttpResponse } from "./exchange.ts";
import { redactHeader, redactUrl } from "./redact.ts";
import type { OutgoingRequest } from "./request/redirect.ts";

/** Tells what goes over the wire, line by line, for `debug`. Secrets never get here. */
export type Trace = (line: string) => void;

/**
 * Where the trace of an execution goes: to the job's stderr; under Dkron's contract, where that would be mixed into the stored output, to the
 * log.
 */
export function traceOf(execution: Execution<Config>): Trace {
  if (!execution.config.debug) return () => {};
  if (execution.protocol === "dkron") return (line) => execution.log.info(line);
  return (line) => void execution.stderr.write(`${line}\n`);
}

export function traceRequest(trace: Trace, { method, url, headers }: OutgoingRequest): void {
  trace(`> ${method} ${redactUrl(url)}`);
  for (const [name, value] of headers) trace(`> ${name}: ${redactHeader(name, value)}`);
}

export function traceResponse(trace: Trace, response: HttpResponse): void {
  const { connection, reused } = response;
  const tls = connection.tls === undefined ? "" : ` over ${connection.tls.protocol}`;
  trace(`* ${reused ? "used the open connection" : "connected"} to ${connection.remoteAddress}${tls}`);
  trace(`< ${response.status} ${response.statusText}`);
  for (const [name, values] of Object.entries(response.headers)) {
    for (const value of values) trace(`< ${name}: ${redactHeader(name, value)}`);
  }
}
