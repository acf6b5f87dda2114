/** One way a server offers to be convinced. */
export interface Challenge {
  /** In lower case: `digest`. */
  readonly scheme: string;
  /** Names in lower case, quotes taken off. */
  readonly parameters: Readonly<Record<string, string>>;
}

const piece = /[\s,]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?/y;

/** Read `WWW-Authenticate` headers: challenges, each a scheme and its parameters, several to a line. Source: RFC 9110, section 11.6.1. */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (const header of headers) {
    piece.lastIndex = 0;
    for (let found = piece.exec(header); found !== null; found = piece.exec(header)) {
      const [, name = "", value] = found;
      if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: {} });
      else {
        const last = challenges.at(-1);
        if (last !== undefined) last.parameters[name.toLowerCase()] = unquote(value);
      }
    }
  }
  return challenges;
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}
