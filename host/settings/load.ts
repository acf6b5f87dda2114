import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { HostError, type ErrorCode, type Violation } from "@executor-host/proto/shared/error";
import { readSettingsFile, type SettingsFile } from "./file.ts";
import type { ParseContext } from "./kinds.ts";
import { didYouMean, nearest } from "@executor-host/proto/shared/nearest";
import type { Settings } from "./shape.ts";
import { defaultConfigPaths, surroundings, type Surroundings } from "./surroundings.ts";
import { flagOf, settingRows, variableOf, variablePrefix, type AnySettingRow } from "./table.ts";

export type FlagValue = string | boolean | readonly string[];

/** Variables with the prefix of settings that are not settings; the first names the settings file. */
export const otherVariables = {
  config: "EXECUTOR_HOST_CONFIG",
  address: "EXECUTOR_HOST_ADDRESS",
  debug: "EXECUTOR_HOST_DEBUG",
} as const;

export interface LoadOptions {
  /** Flags that were given, by the key of the setting: `plugins-dirs`, `limits.grace`. */
  readonly flags: Readonly<Record<string, FlagValue | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The settings file. Default: $EXECUTOR_HOST_CONFIG, else the user's, else the machine's, else none. */
  readonly configPath?: string | undefined;
  /** Where this software is installed. */
  readonly installDir: string;
  /** Overrides what is found out about user, home and machine. */
  readonly surroundings?: Partial<Surroundings>;
}

/** `default`, `file PATH:LINE`, `environment EXECUTOR_HOST_...` or `flag --...`. */
export type Origin = string;

export interface LoadedSettings {
  readonly settings: Settings;
  /** By the key of the setting. */
  readonly origins: Readonly<Record<string, Origin>>;
  readonly warnings: readonly string[];
  /** The file that was read. */
  readonly configPath: string | undefined;
}

interface Given {
  readonly input: unknown;
  readonly origin: Origin;
  readonly context: ParseContext;
}

/**
 * Gather the settings: flags over environment over file over defaults.
 *
 * Reads the settings file and looks which directories exist; changes nothing. An empty variable counts as not set.
 *
 * @throws {HostError} `SETTINGS_INVALID` with a violation for every bad value and unknown key; `LISTEN_REFUSED` when all that is wrong
 * are addresses other machines can reach
 */
export function loadSettings(options: LoadOptions): LoadedSettings {
  const around = surroundings(options.installDir, options.env, options.surroundings);
  const file = findFile(options, around);
  const violations: Violation[] = file === undefined ? [] : unknownKeys(file);
  const codes = new Set<ErrorCode>(violations.length > 0 ? ["SETTINGS_INVALID"] : []);
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const row of settingRows) {
    const given = findGiven(row, options, around, file);
    origins[row.key] = given?.origin ?? "default";
    const parsed = given === undefined ? undefined : row.kind.parse(given.input, given.context);
    if (parsed !== undefined && "problem" in parsed) {
      violations.push({ field: row.key, message: `${parsed.problem} (${given?.origin})`, hint: parsed.hint ?? "" });
      codes.add(parsed.code ?? "SETTINGS_INVALID");
    }
    values[row.property] = parsed !== undefined && "value" in parsed ? parsed.value : row.default(around, values);
  }
  if (violations.length > 0) throw invalid(violations, codes);
  const settings = nest(values);
  return { settings, origins, warnings: warn(settings, options, file), configPath: file?.path };
}

function findFile(options: LoadOptions, around: Surroundings): SettingsFile | undefined {
  const named = options.configPath ?? (options.env[otherVariables.config] || undefined);
  const maps = new Set(settingRows.filter(({ kind }) => kind.isMap).map(({ key }) => key));
  if (named !== undefined) return readSettingsFile(named, { required: true, maps });
  for (const path of defaultConfigPaths(around)) {
    const file = readSettingsFile(path, { required: false, maps });
    if (file !== undefined) return file;
  }
  return undefined;
}

function findGiven(
  row: AnySettingRow,
  { flags, env }: LoadOptions,
  around: Surroundings,
  file: SettingsFile | undefined,
): Given | undefined {
  const context = { baseDir: around.workingDir, homeDir: around.homeDir };
  const flag = flags[row.key];
  if (flag !== undefined) return { input: flag, origin: `flag ${flagOf(row)}`, context };
  const variable = variableOf(row);
  const text = env[variable];
  if (text !== undefined && text !== "") {
    const { separator } = row.kind;
    const input = separator === undefined ? text : text.split(separator).filter((item) => item !== "");
    return { input, origin: `environment ${variable}`, context };
  }
  const entry = file?.values.get(row.key);
  if (file === undefined || entry === undefined) return undefined;
  const origin = `file ${file.path}:${entry.line}`;
  return { input: entry.value, origin, context: { ...context, baseDir: dirname(file.path) } };
}

function unknownKeys(file: SettingsFile): Violation[] {
  const known = settingRows.map((row) => row.key);
  return [...file.values]
    .filter(([key]) => !known.includes(key))
    .map(([key, { line }]) => {
      const inner = known.filter((name) => name.startsWith(`${key}.`)).map((name) => name.slice(key.length + 1));
      const where = `(file ${file.path}:${line})`;
      return inner.length === 0
        ? { field: key, message: `is not a setting ${where}`, hint: didYouMean(key, known) }
        : {
            field: key,
            message: `must hold settings of its own ${where}`,
            hint: `such as ${inner[0]}: there are ${inner.join(", ")}`,
          };
    });
}

function invalid(violations: readonly Violation[], codes: ReadonlySet<ErrorCode>): HostError {
  const code = codes.size === 1 && codes.has("LISTEN_REFUSED") ? "LISTEN_REFUSED" : "SETTINGS_INVALID";
  const [first] = violations;
  const message =
    violations.length === 1 && first !== undefined
      ? `setting ${first.field} ${first.message}`
      : `${violations.length} settings are invalid`;
  return new HostError(code, message, { hint: violations.length === 1 ? first?.hint : undefined, violations });
}

/** `limits.graceMs` becomes `graceMs` in `limits`; what is unset is left out. */
function nest(values: Readonly<Record<string, unknown>>): Settings {
  const settings: Record<string, unknown> = {};
  const limits: Record<string, unknown> = {};
  for (const [property, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (property.startsWith("limits.")) limits[property.slice("limits.".length)] = value;
    else settings[property] = value;
  }
  // The table's type has a row with the right kind of value for every property.
  return { ...settings, limits } as unknown as Settings;
}

function warn(settings: Settings, { env }: LoadOptions, file: SettingsFile | undefined): readonly string[] {
  const warnings: string[] = [];
  if (file?.isWritableByOthers === true) {
    warnings.push(`the settings file can be changed by other users: ${file.path}`);
  }
  if (settings.pluginsDirs.length === 0) {
    warnings.push("there is no plugins directory, and so no executor; set one with plugins-dirs");
  }
  for (const dir of settings.pluginsDirs) {
    if (!existsSync(dir)) warnings.push(`the plugins directory does not exist: ${dir}`);
  }
  const known = [...settingRows.map(variableOf), ...Object.values(otherVariables)];
  const endings = known.map((name) => name.slice(variablePrefix.length));
  for (const name of Object.keys(env)) {
    if (!name.startsWith(variablePrefix) || known.includes(name)) continue;
    // Only what looks like a slip: executors mark their own processes with variables of this prefix too.
    const meant = nearest(name.slice(variablePrefix.length), endings);
    if (meant === undefined) continue;
    warnings.push(`the environment variable ${name} is not a setting; did you mean '${variablePrefix}${meant}'`);
  }
  return warnings;
}
