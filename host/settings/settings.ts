export type { Settings } from "./shape.ts";
export { loadSettings, type FlagValue, type LoadedSettings, type LoadOptions } from "./load.ts";
