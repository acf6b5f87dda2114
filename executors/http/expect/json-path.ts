/**
 * One place in a JSON document.
 *
 * Shape: names joined by dots, positions in brackets: `items[0].state`. A name with a dot or bracket in it is written as a JSON string in
 * brackets: `["a.b"].c`. The empty path is the document itself.
 */
export type JsonPath = readonly (string | number)[];

const step = /\.?([^.[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** @returns undefined when the text is no path */
export function parseJsonPath(text: string): JsonPath | undefined {
  const path: (string | number)[] = [];
  let at = 0;
  while (at < text.length) {
    step.lastIndex = at;
    const found = step.exec(text);
    if (found === null || (at === 0 && found[0].startsWith("."))) return undefined;
    const [whole, name, position, quoted] = found;
    if (name !== undefined && at > 0 && !whole.startsWith(".")) return undefined;
    if (name !== undefined) path.push(name);
    else if (position !== undefined) path.push(Number(position));
    else if (quoted !== undefined) path.push(String(JSON.parse(quoted)));
    at = step.lastIndex;
  }
  return path;
}

/** @returns undefined when there is nothing at that place */
export function valueAt(document: unknown, path: JsonPath): unknown {
  let value = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}
