import type { ConfigText, ParsedConfig } from "../config/define-config.ts";
import type { ExecutorDefinition } from "./define-executor.ts";
import type { Protocol } from "./execution.ts";

/** Everything that can be said about a config without touching the target: each key, then the contradictions between them. */
export function readConfig<C>(
  definition: ExecutorDefinition<C>,
  config: ConfigText,
  protocol: Protocol,
): ParsedConfig<C> {
  const parsed = definition.config.parse(config, { unknownKeys: protocol === "native" ? "error" : "warn" });
  if (parsed.violations !== undefined) return parsed;
  const violations = definition.check?.(parsed.value) ?? [];
  return violations.length > 0 ? { violations, warnings: parsed.warnings } : parsed;
}
