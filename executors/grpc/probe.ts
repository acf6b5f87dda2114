import type { ProbeContext, ProbeReport } from "@executor-host/sdk";
import { limited, RemoteFailure } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { routeOf } from "./connection/route.ts";
import { fail } from "./failure.ts";

/** Connect, and look for the method; call nothing but reflection. */
export async function probe({ config, signal }: ProbeContext<Config>): Promise<ProbeReport> {
  using limit = limited(signal, config.timeout, undefined, () => fail("TIMEOUT_TOTAL", "not finished in time"));
  try {
    const { openLink } = await import("./call/run.ts");
    const { inspect } = await import("./call/inspect.ts");
    const link = openLink(await routeOf(config, limit.signal));
    try {
      return await inspect(link, config, limit.signal);
    } finally {
      await link.close();
    }
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    const { message, code, hint } = error;
    return { ok: false, message, code, details: hint === undefined ? {} : { hint } };
  }
}
