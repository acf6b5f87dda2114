import type { Settings } from "../settings/settings.ts";
import type { AnySettingRow } from "../settings/table.ts";

/** The value of a setting as one would write it. */
export function formatSetting({ property, kind }: AnySettingRow, settings: Settings): string {
  const inLimits = property.startsWith("limits.") ? property.slice("limits.".length) : undefined;
  const values = (inLimits === undefined ? settings : settings.limits) as unknown as Readonly<Record<string, unknown>>;
  return kind.format(values[inLimits ?? property]);
}
