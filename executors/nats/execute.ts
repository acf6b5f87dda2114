import type { Execution, Report } from "@executor-host/sdk";
import { limited, reportOfThrown, type ConnectionPool } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { connect, routeOf } from "./connection/connect.ts";
import type { Link } from "./connection/link.ts";
import { deliver, subjectOf } from "./delivery/deliver.ts";
import type { Delivery, Work } from "./delivery/work.ts";
import { fail } from "./failure.ts";
import { readPayload } from "./message/payload.ts";

/** Deliver the job's message, and report what the server said of it. */
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
    await run(Object.assign(known, { execution, signal: limit.signal }), pool);
    return { outcome: "SUCCEEDED", effect: known.effect, evidence: known.evidence };
  } catch (error) {
    return reportOfThrown(error, execution.signal, {
      ...known,
      unknownEffect: "the message had been sent; whether the server has taken it is not known",
    });
  }
}

async function run(work: Work, pool: ConnectionPool<Link>): Promise<void> {
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

function trace({ config, protocol, log, stderr }: Execution<Config>, line: string): void {
  if (!config.debug) return;
  // Dkron would mix it into the stored output.
  if (protocol === "dkron") log.info(line);
  else stderr.write(`${line}\n`);
}

/** To a tenth of a millisecond. */
function roundMs(durationMs: number): number {
  return Math.round(durationMs * 10) / 10;
}
