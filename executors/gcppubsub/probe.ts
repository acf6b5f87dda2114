import type { ProbeContext, ProbeReport } from "@executor-host/sdk";
import { limited, RemoteFailure } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { Link } from "./connection/link.ts";
import { routeOf } from "./connection/route.ts";
import { serviceFailure } from "./connection/service-failure.ts";
import { topicOf } from "./execute.ts";
import { fail } from "./failure.ts";

/** Log in, look at the topic, and publish nothing. */
export async function probe({ config, signal }: ProbeContext<Config>): Promise<ProbeReport> {
  using limit = limited(signal, config.timeout, undefined, () => fail("TIMEOUT_TOTAL", "not finished in time"));
  const topic = topicOf(config);
  try {
    const link = await Link.open(await routeOf(config, limit.signal), limit.signal);
    try {
      const found = await lookAt(link, topic, limit.signal);
      const { schema, encoding } = found.schemaSettings ?? {};
      const message = `logged in to ${link.route.peer}, and found ${topic}`;
      return { ok: true, message, details: { endpoint: link.route.peer, topic, schema, encoding } };
    } finally {
      await link.close();
    }
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    const { message, code, hint } = error;
    return { ok: false, message, code, details: hint === undefined ? {} : { hint } };
  }
}

async function lookAt(link: Link, topic: string, signal: AbortSignal) {
  try {
    return await link.getTopic({ topic, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw serviceFailure(error, link.route.peer);
  }
}
