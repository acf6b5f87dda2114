import type { Execution, Report } from "@executor-host/sdk";
import { carryOut, trace, type ConnectionPool, type Work } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { routeOf } from "./connection/route.ts";
import type { Link } from "./connection/link.ts";
import { fail } from "./failure.ts";

/** Call the job's method, and report what the server said. */
export function execute(execution: Execution<Config>, pool: ConnectionPool<Link>): Promise<Report> {
  return carryOut(execution, { fail, unknownEffect }, (work) => run(work, pool));
}

const unknownEffect = "the call had been made; whether the server has acted on it is not known";

async function run(work: Work<Config>, pool: ConnectionPool<Link>): Promise<void> {
  const { execution, signal } = work;
  const { config } = execution;
  // Loaded with the first call, as they take longer than everything else in this executor together.
  const { openLink, callOn } = await import("./call/run.ts");
  const route = await routeOf(config, signal);
  const method = config.url.method ?? config.method;
  execution.started(`${route.peer}/${method === undefined ? "health" : `${method.service}/${method.method}`}`);
  work.phase = "while connecting";
  using lease = await pool.acquire(route, () => Promise.resolve(openLink(route)), signal);
  work.evidence = { target: route.peer, connectionReused: lease.reused };
  if (config.tls_no_verify) execution.warn("the server's certificate was not verified (tls_no_verify)");
  await callOn(work, lease.connection, method);
  trace(execution, JSON.stringify(work.evidence));
}
