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

/** A config that must be refused, and the key because of which. */
export interface WrongConfig {
  readonly config: Config;
  readonly key: string;
}

/**
 * A config that must be refused.
 *
 * @param byKey whether an unknown key makes it wrong; under Dkron's contract it does not
 * @throws {VerdictError} skipped, when no config can be wrong
 */
export async function wrongConfig(kit: Kit, byKey: boolean): Promise<WrongConfig> {
  const { schema } = await describe(kit);
  const config = await base(kit);
  if (byKey && isClosed(schema)) return { config: { ...config, "no-such-key": "x" }, key: "no-such-key" };
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const text = wrongText(property);
    if (text !== undefined) return { config: { ...config, [key]: text }, key };
  }
  const [key] = schema.required ?? [];
  if (key === undefined) throw new VerdictError(skipped("every config is right"));
  return { config: Object.fromEntries(Object.entries(config).filter(([name]) => name !== key)), key };
}

/** Is a violation with this field about this key? A field may go deeper: `retry.maxAttempts`, `headers[2]`. */
export function isAbout(field: string, key: string): boolean {
  return field === key || field.startsWith(`${key}.`) || field.startsWith(`${key}[`);
}

/** Every secret key with a value that is seen nowhere else. @throws {VerdictError} skipped, when no key is a secret */
export async function secretConfig(kit: Kit): Promise<Config> {
  const { schema } = await describe(kit);
  const secrets = Object.entries(schema.properties ?? {}).filter(([, { writeOnly }]) => writeOnly === true);
  if (secrets.length === 0) throw new VerdictError(skipped("no key is marked as secret"));
  return Object.fromEntries(secrets.map(([key]) => [key, secretText]));
}

/** What no answer may hold. */
export const secretText = "hunter2-57721";
