import { describe, sample } from "./facts.ts";
import type { Kit } from "./kit.ts";
import type { Config } from "./options.ts";
import { isClosed, wrongText } from "./schema.ts";
import { skipped, VerdictError } from "./verdict.ts";

/** What to change for a check: the sample where there is one. */
export async function base(kit: Kit): Promise<Config> {
  const found = await sample(kit);
  return "config" in found ? found.config : {};
}

/**
 * A config that must be refused.
 *
 * @param byKey whether an unknown key makes it wrong; under Dkron's contract it does not
 * @throws {VerdictError} skipped, when no config can be wrong
 */
export async function wrongConfig(kit: Kit, byKey: boolean): Promise<Config> {
  const { schema } = await describe(kit);
  const config = await base(kit);
  if (byKey && isClosed(schema)) return { ...config, "no-such-key": "x" };
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const text = wrongText(property);
    if (text !== undefined) return { ...config, [key]: text };
  }
  const [required] = schema.required ?? [];
  if (required === undefined) throw new VerdictError(skipped("every config is right"));
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== required));
}
