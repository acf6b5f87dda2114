/** For tests of executors: run one in this process, or as a real process over a real plugin link. */
export { runExecutor, startExecutor, type LocalRun, type RunOptions, type StartedRun } from "./run-executor.ts";
export { launchExecutor, type LaunchedExecutor, type LaunchedRunOptions } from "./launch-executor.ts";
export {
  dkronEras,
  launchForDkron,
  type DkronEra,
  type DkronLaunchedExecutor,
  type DkronRun,
  type DkronRunOptions,
} from "./launch-for-dkron.ts";
export type { Run } from "./run.ts";
export type { Command, LaunchProcessOptions } from "./launch-process.ts";
export type { Description } from "./from-wire.ts";
export type { LogEntry } from "./memory-logger.ts";
export type { ExecutionEvent } from "../runtime/event.ts";
