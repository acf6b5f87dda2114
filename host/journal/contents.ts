/** What a stretch of an event log holds, for saying exactly what was dropped. */
export interface Contents {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

export const nothing: Contents = { firstSequence: 0, lastSequence: 0, stdoutBytes: 0, stderrBytes: 0 };

/** Two neighbouring stretches as one. */
export function joined(a: Contents, b: Contents): Contents {
  return {
    firstSequence: a.firstSequence || b.firstSequence,
    lastSequence: b.lastSequence || a.lastSequence,
    stdoutBytes: a.stdoutBytes + b.stdoutBytes,
    stderrBytes: a.stderrBytes + b.stderrBytes,
  };
}
