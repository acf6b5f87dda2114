import type { Execution, Report } from "@executor-host/sdk";
import { limited, reportOfThrown, type ConnectionPool } from "@executor-host/sdk/remote";

import type { Work } from "./call/work.ts";
import type { Config } from "./config.ts";
import { routeOf } from "./connection/route.ts";
import type { Link } from "./connection/link.ts";
import { fail } from "./failure.ts";

/** Call the job's method, and report what the server said. */
export async function execute(execution: Execution<Config>, pool: ConnectionPool<Link>): Promise<Report> {
  const { config, deadline } = execution;
  const known: Pick<Work, "phase" | "effect" | "evidence"> = {
    phase: "before connecting",
    effect: "NONE",
    evidence: {},
  };
  using limit = limited(execution.signal, config.timeout, deadline, () =>
    fail("TIMEOUT_TOTAL", `not finished in time: stopped ${known.phase}`),
  );
  try {
    await run(Object.assign(known, { execution, signal: limit.signal, endMs: limit.endMs }), pool);
    return { outcome: "SUCCEEDED", effect: known.effect, evidence: known.evidence };
  } catch (error) {
    return reportOfThrown(error, execution.signal, {
      ...known,
      unknownEffect: "the call had been made; whether the server has acted on it is not known",
    });
  }
}

async function run(work: Work, pool: ConnectionPool<Link>): Promise<void> {
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

function trace({ config, protocol, log, stderr }: Execution<Config>, line: string): void {
  if (!config.debug) return;
  // Dkron would mix it into the stored output.
  if (protocol === "dkron") log.info(line);
  else stderr.write(`${line}\n`);
}
