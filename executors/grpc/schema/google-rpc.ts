import { registryOf } from "./table.ts";

/** How servers tell details of an error. Source: github.com/googleapis/googleapis, google/rpc/status.proto and error_details.proto. */
export const googleRpc = registryOf("google.rpc", {
  Status: ["int32 code = 1", "string message = 2", "repeated google.protobuf.Any details = 3"],
  ErrorInfo: ["string reason = 1", "string domain = 2", "map<string, string> metadata = 3"],
  RetryInfo: ["google.protobuf.Duration retry_delay = 1"],
  DebugInfo: ["repeated string stack_entries = 1", "string detail = 2"],
  QuotaFailureViolation: ["string subject = 1", "string description = 2"],
  QuotaFailure: ["repeated QuotaFailureViolation violations = 1"],
  PreconditionFailureViolation: ["string type = 1", "string subject = 2", "string description = 3"],
  PreconditionFailure: ["repeated PreconditionFailureViolation violations = 1"],
  LocalizedMessage: ["string locale = 1", "string message = 2"],
  BadRequestFieldViolation: [
    "string field = 1",
    "string description = 2",
    "string reason = 3",
    "LocalizedMessage localized_message = 4",
  ],
  BadRequest: ["repeated BadRequestFieldViolation field_violations = 1"],
  RequestInfo: ["string request_id = 1", "string serving_data = 2"],
  ResourceInfo: ["string resource_type = 1", "string resource_name = 2", "string owner = 3", "string description = 4"],
  HelpLink: ["string description = 1", "string url = 2"],
  Help: ["repeated HelpLink links = 1"],
});
