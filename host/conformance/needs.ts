import type { Capabilities } from "@executor-host/proto/executor";
import { capabilities, describe, sample, speaks } from "./facts.ts";
import type { Kit } from "./kit.ts";
import { canSeeProcesses } from "./process-table.ts";

interface NeedRow {
  /** For people. */
  readonly text: string;
  /** Undefined when it is there, or the reason to skip. */
  missing(kit: Kit): Promise<string | undefined>;
}

/** What checks may need. */
const needs = {
  processes: {
    text: "`/proc`",
    missing: async () => (canSeeProcesses ? undefined : "needs /proc"),
  },
  native: {
    text: "native contract",
    missing: async (kit) => ((await speaks(kit, "native")) ? undefined : "does not speak the native contract"),
  },
  dkron: {
    text: "Dkron's contract",
    missing: async (kit) => ((await speaks(kit, "dkron")) ? undefined : "does not speak Dkron's contract"),
  },
  schema: {
    text: "a schema",
    missing: async (kit) => ((await describe(kit)).schemaProblem === "" ? undefined : "see describe.schema"),
  },
  cancel: capability("cancel"),
  idempotent: capability("idempotent"),
  heartbeat: capability("heartbeat"),
  attach: capability("attach"),
  probe: capability("probe"),
  setDeadline: capability("setDeadline", "set_deadline"),
  config: {
    text: "a config to run",
    missing: async (kit) => {
      const found = await sample(kit);
      return "reason" in found ? found.reason : undefined;
    },
  },
  /** One that somebody has chosen, and that may be run very often. */
  chosenConfig: option("config", "--config"),
  longConfig: option("longConfig", "--long-config"),
  floodConfig: option("floodConfig", "--flood-config"),
  heartbeatConfig: option("heartbeatConfig", "--heartbeat-config"),
} as const satisfies Record<string, NeedRow>;

export type Need = keyof typeof needs;

/** The first thing that is missing, as a reason to skip. */
export async function missing(kit: Kit, wanted: readonly Need[]): Promise<string | undefined> {
  for (const need of wanted) {
    const reason = await needs[need].missing(kit);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** For people. */
export function needsText(wanted: readonly Need[]): string {
  return wanted.map((need) => needs[need].text).join(", ");
}

function capability(
  property: Exclude<keyof Capabilities, "maxConcurrentExecutions">,
  name: string = property,
): NeedRow {
  return {
    text: `capability ${name}`,
    missing: async (kit) => ((await capabilities(kit))[property] === true ? undefined : `does not offer ${name}`),
  };
}

function option(name: "config" | "longConfig" | "floodConfig" | "heartbeatConfig", flag: string): NeedRow {
  return {
    text: `\`${flag}\``,
    missing: async (kit) => (kit.options[name] === undefined ? `needs ${flag}` : undefined),
  };
}
