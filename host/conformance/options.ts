import type { Timeouts } from "./timeouts.ts";

/** A config as jobs write it. */
export type Config = Readonly<Record<string, string>>;

/** What to test, and what the kit may do with it. */
export interface ConformanceOptions {
  /** The executor's file. */
  readonly path: string;
  /** A config that succeeds quickly and may be run some hundred times. Default: made of the schema's defaults and examples, where they suffice. */
  readonly config?: Config | undefined;
  /** A config that runs until it is stopped, in silence. Without it, checks of stopping are skipped. */
  readonly longConfig?: Config | undefined;
  /** A config with megabytes of output that then succeeds. Without it, back-pressure is not checked. */
  readonly floodConfig?: Config | undefined;
  /** A config whose work gives heartbeats of its own until it is stopped. Without it, the capability heartbeat is not tried. */
  readonly heartbeatConfig?: Config | undefined;
  /** Checks (`describe.name`) and groups (`describe`) to try; default all. */
  readonly only?: readonly string[] | undefined;
  /** Where the executor's environment comes from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names of the variables it gets, with `*` for any characters. */
  readonly allowedEnvironment: readonly string[];
  readonly timeouts?: Partial<Timeouts>;
  /** Gives up; everything started is ended. */
  readonly signal?: AbortSignal;
}
