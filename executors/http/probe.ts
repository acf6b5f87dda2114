import type { ProbeContext, ProbeReport } from "@executor-host/sdk";

import type { Services } from "./attempt-record.ts";
import type { Config } from "./config.ts";
import { describeRoute, hostPort } from "./connection/route.ts";
import { roundMs } from "./evidence.ts";
import { RequestFailure } from "./failure.ts";
import { routes } from "./request/prepare.ts";
import { limited } from "./time-limit.ts";

/** Connect to the target, through proxy and TLS, and send nothing. */
export async function probe({ config, signal }: ProbeContext<Config>, { pool }: Services): Promise<ProbeReport> {
  using limit = limited(signal, { code: "TIMEOUT_CONNECT", limitMs: config.connect_timeout, what: "no connection" });
  try {
    const route = (await routes(config))(config.url, true);
    const { tls, ...facts } = await pool.inspect(route, limit.signal);
    const { proxy } = route;
    const through = proxy === undefined ? "" : ` through proxy ${hostPort(proxy.hostname, proxy.port)}`;
    const secured =
      tls === undefined ? "" : ` over ${tls.protocol}, certificate of ${tls.subject ?? "nobody"} until ${tls.validTo}`;
    return {
      ok: true,
      message: `connected to ${describeRoute(route)}${through} (${facts.remoteAddress})${secured}`,
      details: {
        remoteAddress: facts.remoteAddress,
        dnsMs: roundMs(facts.dnsMs),
        connectMs: roundMs(facts.connectMs),
        proxyMs: roundMs(facts.proxyMs),
        tlsMs: roundMs(facts.tlsMs),
        httpVersion: facts.http2 ? "2" : "1.1",
        tls: tls && { ...tls },
      },
    };
  } catch (error) {
    if (!(error instanceof RequestFailure)) throw error;
    return {
      ok: false,
      message: error.message,
      code: error.code,
      details: error.hint === undefined ? {} : { hint: error.hint },
    };
  }
}
