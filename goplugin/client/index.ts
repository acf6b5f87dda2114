export { launchPlugin } from "./launch.ts";
export type { LaunchOptions } from "./launch-options.ts";
export type { LogEntry } from "./log-entry.ts";
export type { PluginExit, StopStep } from "./plugin-exit.ts";
export { refusedFormat } from "./refused-format.ts";
export type { PluginProcess, StopOptions } from "./plugin-process.ts";
export type { ClientConstructor } from "./grpc-call.ts";
export type { Broker, BrokeredServer } from "../broker/broker.ts";
export type { LogLevel } from "../protocol/log-level.ts";
