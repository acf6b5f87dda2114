/**
 * Take JSON values apart that stand one after the other, on lines or not.
 *
 * Each piece is the text of one value, unchecked: nothing is lost, and what is no JSON stays in some piece, for a parser to complain.
 */
export function splitJson(text: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let depth = 0;
  let inString = false;
  const end = (at: number): void => {
    const piece = text.slice(start, at).trim();
    if (piece !== "") pieces.push(piece);
    start = at;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (inString) {
      if (char === "\\") at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "{" || char === "[") {
      if (depth === 0) end(at);
      depth++;
    } else if (char === "}" || char === "]") {
      depth--;
      if (depth === 0) end(at + 1);
    } else if (depth === 0 && /\s/.test(char)) end(at);
  }
  end(text.length);
  return pieces;
}
