import type { Execution, Report } from "@executor-host/sdk";
import { carryOut, trace, type ConnectionPool, type Work } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { connect, routeOf } from "./connection/connect.ts";
import type { Link } from "./connection/link.ts";
import { deliver, subjectOf } from "./delivery/deliver.ts";
import type { Delivery } from "./delivery/delivery.ts";
import { fail } from "./failure.ts";
import { readPayload } from "./message/payload.ts";

/** Deliver the job's message, and report what the server said of it. */
export function execute(execution: Execution<Config>, pool: ConnectionPool<Link>): Promise<Report> {
  return carryOut(execution, { fail, unknownEffect }, (work) => run(work, pool));
}

const unknownEffect = "the message had been sent; whether the server has taken it is not known";

async function run(work: Work<Config>, pool: ConnectionPool<Link>): Promise<void> {
  const { execution, signal } = work;
  const { config } = execution;
  const startedMs = performance.now();
  const [route, payload] = await Promise.all([routeOf(config, signal), readPayload(config, signal)]);
  const subject = subjectOf(config);
  execution.started(`${config.mode} ${subject}`);
  work.phase = "while connecting";
  using lease = await pool.acquire(route, (opening) => connect(route, opening), signal);
  const { connection: link, reused } = lease;
  trace(execution, `${reused ? "used the open connection" : "connected"} to ${link.peer}`);
  if (config.tls_no_verify) execution.warn("the server's certificate was not verified (tls_no_verify)");
  const connectedMs = performance.now();
  work.evidence = { server: link.peer, serverName: link.info.server_name, connectionReused: reused };
  const delivery: Delivery = Object.assign(work, { link, subject, payload });
  await deliver(delivery);
  const timings = { connectMs: roundMs(connectedMs - startedMs), totalMs: roundMs(performance.now() - startedMs) };
  work.evidence = { ...work.evidence, timings };
  trace(execution, JSON.stringify(work.evidence));
}

/** To a tenth of a millisecond. */
function roundMs(durationMs: number): number {
  return Math.round(durationMs * 10) / 10;
}
