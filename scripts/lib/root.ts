import { resolve } from "node:path";

/** The top of the checkout, absolute. */
export const root: string = resolve(import.meta.dirname, "../..");
