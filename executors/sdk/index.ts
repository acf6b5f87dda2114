/** Write an executor: define it once, serve it to this host and to Dkron. */
export { HostError, type Violation } from "@executor-host/proto/shared/error";
export { custom, type CustomOptions } from "./config/custom.ts";
export {
  defineConfig,
  type ConfigDefinition,
  type ConfigOf,
  type ConfigText,
  type ParsedConfig,
} from "./config/define-config.ts";
export { FieldError } from "./config/field-error.ts";
export type { Field, FieldOptions, Shape } from "./config/field.ts";
export type { JsonObject, JsonSchema, JsonValue } from "./config/json.ts";
export { textList, textMap } from "./config/lists.ts";
export { array, json, object, record } from "./config/nested.ts";
export { byteSize, duration } from "./config/quantities.ts";
export { choice, decimal, flag, integer, text } from "./config/scalars.ts";
export { ConfigError } from "./definition/config-error.ts";
export {
  defineExecutor,
  type ExecutorCapabilities,
  type ExecutorDefinition,
  type ProbeContext,
  type ProbeReport,
} from "./definition/define-executor.ts";
export type { Execution, OutputStream, ProgressUpdate, Protocol } from "./definition/execution.ts";
export type { Logger, LogFields } from "./definition/logger.ts";
export type { Report, ReportOutcome, StopReport, Usage, UsageNow } from "./definition/report.ts";
export { StopRequest } from "./definition/stop-request.ts";
export { serve } from "./serve.ts";
export { hostTagVariable } from "@executor-host/proto/shared/executor-link";
