export { servePlugin, type PluginServer } from "./serve.ts";
export type { CloseReason, PluginContext, ServeOptions } from "./serve-options.ts";
export { createLogger, type LogFields, type PluginLogger, type PluginLoggerOptions } from "./plugin-logger.ts";
export type { ReattachInfo } from "../protocol/reattach-info.ts";
export type { Broker, BrokeredServer } from "../broker/broker.ts";
