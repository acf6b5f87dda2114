import { readFileSync, statSync } from "node:fs";
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document, type YAMLMap } from "yaml";
import { HostError, messageOf } from "@executor-host/proto/shared/error";

/** A value of the settings file, with the line it stands in. */
export interface FileValue {
  readonly value: unknown;
  readonly line: number;
}

export interface SettingsFile {
  readonly path: string;
  /** Keys of nested maps are joined with dots: `limits.grace`; maps that are values stay whole. */
  readonly values: ReadonlyMap<string, FileValue>;
  /** Others than the owner may write to it. */
  readonly isWritableByOthers: boolean;
}

/**
 * Read the settings file.
 *
 * @param required it was asked for by name
 * @param maps keys whose values are maps
 * @returns undefined when there is no such file, or, unless it was asked for by name, when it may not be read
 * @throws {HostError} `SETTINGS_INVALID`
 */
export function readSettingsFile(
  path: string,
  { required, maps }: { readonly required: boolean; readonly maps: ReadonlySet<string> },
): SettingsFile | undefined {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, "utf8");
    mode = statSync(path).mode;
  } catch (error) {
    if (!required && isAbsent(error)) return undefined;
    throw new HostError("SETTINGS_INVALID", `cannot read the settings file ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return { path, values: parseSettingsText(path, text, maps), isWritableByOthers: (mode & 0o022) !== 0 };
}

function parseSettingsText(path: string, text: string, maps: ReadonlySet<string>): Map<string, FileValue> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new HostError(
      "SETTINGS_INVALID",
      `${path} is not valid YAML: line ${line}, column ${col}: ${problem.message}`,
    );
  }
  const values = new Map<string, FileValue>();
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return values;
  if (!isMap(document.contents)) {
    throw new HostError("SETTINGS_INVALID", `${path} must hold keys and values`, {
      hint: "for instance `log-level: debug`",
    });
  }
  const collect = (map: YAMLMap, prefix: string): void => {
    for (const { key, value } of map.items) {
      const name = prefix + String(isScalar(key) ? key.value : key);
      const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
      if (isMap(value) && !maps.has(name)) collect(value, `${name}.`);
      else values.set(name, { value: plain(value, document), line: lines.linePos(offset).line });
    }
  };
  collect(document.contents, "");
  return values;
}

function plain(node: unknown, document: Document): unknown {
  return isNode(node) ? (node.toJS(document) as unknown) : node;
}

function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES";
}
