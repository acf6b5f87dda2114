/** Against hanging only: far beyond what any test here takes. */
export const guard = { timeout: 120_000 } as const;
