import type { Execution, Report } from "@executor-host/sdk";
import { carryOut, trace, type ConnectionPool, type Work } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { Link } from "./connection/link.ts";
import { routeOf } from "./connection/route.ts";
import { fail } from "./failure.ts";
import { bytesOf } from "./message/message.ts";
import { readMessages } from "./message/read.ts";
import { publish } from "./publish.ts";

/** Publish the job's messages, and report the ids that Pub/Sub gave them. */
export function execute(execution: Execution<Config>, pool: ConnectionPool<Link>): Promise<Report> {
  return carryOut(execution, { fail, unknownEffect }, (work) => run(work, pool));
}

const unknownEffect = "messages had been sent; whether Pub/Sub has taken them is not known";

async function run(work: Work<Config>, pool: ConnectionPool<Link>): Promise<void> {
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
