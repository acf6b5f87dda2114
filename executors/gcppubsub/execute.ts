import type { Execution, Report } from "@executor-host/sdk";
import { limited, reportOfThrown, type ConnectionPool } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { Link } from "./connection/link.ts";
import { routeOf } from "./connection/route.ts";
import { fail } from "./failure.ts";
import { bytesOf } from "./message/message.ts";
import { readMessages } from "./message/read.ts";
import { publish, type Work } from "./publish.ts";

/** Publish the job's messages, and report the ids that Pub/Sub gave them. */
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
      unknownEffect: "messages had been sent; whether Pub/Sub has taken them is not known",
    });
  }
}

async function run(work: Work, pool: ConnectionPool<Link>): Promise<void> {
  const { execution, signal } = work;
  const { config } = execution;
  const startedMs = performance.now();
  const [route, messages] = await Promise.all([routeOf(config, signal), readMessages(execution, signal)]);
  const topic = topicOf(config);
  execution.started(topic);
  work.phase = "while logging in";
  using lease = await pool.acquire(route, (opening) => Link.open(route, opening), signal);
  const bytes = messages.reduce((sum, message) => sum + bytesOf(message), 0);
  work.evidence = { endpoint: route.peer, connectionReused: lease.reused, bytes };
  await publish(work, lease.connection, topic, messages);
  work.evidence = { ...work.evidence, timings: { totalMs: Math.round((performance.now() - startedMs) * 10) / 10 } };
  trace(execution, JSON.stringify(work.evidence));
}

/** `projects/PROJECT/topics/ID` */
export function topicOf({ project, topic }: Config): string {
  return topic.startsWith("projects/") ? topic : `projects/${project}/topics/${topic}`;
}

function trace({ config, protocol, log, stderr }: Execution<Config>, line: string): void {
  if (!config.debug) return;
  // Dkron would mix it into the stored output.
  if (protocol === "dkron") log.info(line);
  else stderr.write(`${line}\n`);
}
