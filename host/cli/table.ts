import { stripVTControlCharacters } from "node:util";

/**
 * Rows of cells as aligned lines, two blanks between columns.
 *
 * Cells may be styled; they must not hold line ends. The last column is as long as it is.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => width(row[column] ?? ""))),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
      .join("  ")
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}

const segmenter = new Intl.Segmenter();

function width(text: string): number {
  return [...segmenter.segment(stripVTControlCharacters(text))].length;
}
