import type { ProbeContext, ProbeReport } from "@executor-host/sdk";
import { limited, RemoteFailure } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { connect, routeOf } from "./connection/connect.ts";
import { statedWay, subjectOf } from "./delivery/deliver.ts";
import { findStream } from "./delivery/find-stream.ts";
import { fail } from "./failure.ts";

/** Connect, log in, ask for a round trip and for the subject's stream, and publish nothing. */
export async function probe({ config, signal }: ProbeContext<Config>): Promise<ProbeReport> {
  using limit = limited(signal, config.timeout, undefined, () => fail("TIMEOUT_TOTAL", "not finished in time"));
  try {
    const link = await connect(await routeOf(config, limit.signal), limit.signal);
    try {
      const startedMs = performance.now();
      await link.flush(limit.signal);
      const roundTripMs = Math.round((performance.now() - startedMs) * 10) / 10;
      const subject = subjectOf(config);
      const way = statedWay(config);
      const stream =
        way === undefined || way === "jetstream" ? await findStream(link, config, subject, limit.signal) : undefined;
      const { server_name: serverName, version, jetstream = false, max_payload: maxPayloadBytes } = link.info;
      const details = { server: link.peer, serverName, version, jetstream, maxPayloadBytes, roundTripMs, stream };
      if (way === "jetstream" && stream === undefined) {
        const message = `connected to ${link.peer}, where no stream that we can see takes ${subject}`;
        return { ok: false, message, code: jetstream ? "NO_STREAM" : "JETSTREAM_DISABLED", details };
      }
      const taker = stream === undefined ? "" : `; stream ${stream} takes ${subject}`;
      return { ok: true, message: `logged in to ${link.peer}, nats-server ${version}${taker}`, details };
    } finally {
      await link.close();
    }
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    const { message, code, hint } = error;
    return { ok: false, message, code, details: hint === undefined ? {} : { hint } };
  }
}
