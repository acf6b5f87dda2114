import type { ProbeContext, ProbeReport } from "@executor-host/sdk";
import { RemoteFailure } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { inspectTopic } from "./connection/admin.ts";
import { tokenFor } from "./connection/client.ts";
import { connectLimit } from "./connection/producer.ts";
import { clusterSettings } from "./connection/settings.ts";

/** Connect to the cluster, log in, and look at the topic; nothing is written, and no topic made. */
export async function probe({ config, signal }: ProbeContext<Config>): Promise<ProbeReport> {
  using limit = connectLimit(signal, config.connect_timeout);
  const brokers = config.brokerAddress.join(", ");
  try {
    const settings = await clusterSettings(config, limit.signal);
    const topic = await inspectTopic(settings, tokenFor(settings), config.topic, limit.signal);
    if (topic !== undefined) {
      const { partitions, leaderless } = topic;
      const message = `connected to ${brokers}; topic "${config.topic}" has ${partitions} partitions`;
      if (leaderless === 0) return { ok: true, message, details: { partitions } };
      return {
        ok: false,
        code: "NO_LEADER",
        message: `${message}, ${leaderless} of them without a leader`,
        details: { partitions, leaderless },
      };
    }
    const missing = `connected to ${brokers}; topic "${config.topic}" does not exist`;
    if (config.create_topic) return { ok: true, message: `${missing} and will be created`, details: { partitions: 0 } };
    return {
      ok: false,
      code: "TOPIC_NOT_FOUND",
      message: missing,
      details: { hint: "create it, or set create_topic=true" },
    };
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    const { message, code, hint } = error;
    return { ok: false, message, code, details: hint === undefined ? {} : { hint } };
  }
}
