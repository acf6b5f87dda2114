import { FieldError } from "./field-error.ts";
import { field, type FieldBuilder, type FieldOptions } from "./field.ts";
import { array, parseJson, record } from "./nested.ts";
import { text } from "./scalars.ts";

const strings = array(text({ summary: "" }));
const stringsByKey = record(text({ summary: "" }));

/** Texts: a JSON array of strings, or text with separators when it does not start with `[`. Blanks around an item do not count. */
export const textList: FieldBuilder<readonly string[], { readonly separator?: string }> = (
  options: FieldOptions<readonly string[]> & { readonly separator?: string },
) => {
  const { separator = "," } = options;
  return field(
    {
      ...strings,
      textSchema: { type: "string", format: "text-list" },
      note: `A JSON array of strings, or texts separated by "${separator}".`,
      fromText: (value, show) =>
        value.trimStart().startsWith("[")
          ? strings.fromJson(parseJson(value), show)
          : value
              .split(separator)
              .map((item) => item.trim())
              .filter((item) => item !== ""),
      toText: (value) => JSON.stringify(value),
    },
    options,
  );
};

/** Texts by name: a JSON object of strings, or `K=V,K=V` when it does not start with `{`. Of two equal names the later counts. */
export const textMap: FieldBuilder<Readonly<Record<string, string>>> = (
  options: FieldOptions<Readonly<Record<string, string>>>,
) =>
  field(
    {
      ...stringsByKey,
      textSchema: { type: "string", format: "text-map" },
      note: "A JSON object of strings, or K=V,K=V.",
      fromText: (value, show) => {
        if (value.trimStart().startsWith("{")) return stringsByKey.fromJson(parseJson(value), show);
        const entries: [string, string][] = [];
        for (const pair of value.split(",")) {
          if (pair.trim() === "") continue;
          const at = pair.indexOf("=");
          const name = pair.slice(0, Math.max(at, 0)).trim();
          if (name === "") {
            throw new FieldError(
              `${show(pair)} is not NAME=VALUE`,
              "write K=V,K=V, or a JSON object when a value holds a comma",
            );
          }
          entries.push([name, pair.slice(at + 1)]);
        }
        return Object.fromEntries(entries);
      },
      toText: (value) => JSON.stringify(value),
    },
    options,
  );
