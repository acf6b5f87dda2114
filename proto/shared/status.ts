import { Metadata, status, type StatusObject } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { errorCodes, HostError, isHostError, messageOf, type ErrorCode, type Violation } from "./error.ts";
import { toDuration, fromDuration } from "./time.ts";

const domain = "executor-host";
const detailsKey = "grpc-status-details-bin";
const typeUrl = "type.googleapis.com/";

/**
 * Turn anything thrown into a gRPC status with details, as `proto/host/v1/host.proto` promises.
 *
 * Source: the richer error model of gRPC, google/rpc/status.proto.
 */
export function toStatus(error: unknown): StatusObject {
  const known = isHostError(error) ? error : new HostError("INTERNAL", messageOf(error), { cause: error });
  const code = errorCodes[known.code].status;
  const details = [
    any(
      "google.rpc.ErrorInfo",
      ErrorInfo.encode({
        reason: known.code,
        domain,
        metadata: { hint: known.hint, retryable: String(known.retryable) },
      }),
    ),
  ];
  if (known.violations.length > 0) {
    const fieldViolations = known.violations.map((violation) => ({
      field: violation.field,
      description: violation.message,
      // A constant for programs, by its definition; there is none yet.
      reason: "",
      localizedMessage: violation.hint === "" ? undefined : { locale: "en", message: violation.hint },
    }));
    details.push(any("google.rpc.BadRequest", BadRequest.encode({ fieldViolations })));
  }
  if (known.retryAfterMs !== undefined) {
    details.push(any("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay: toDuration(known.retryAfterMs) })));
  }
  const metadata = new Metadata();
  metadata.set(detailsKey, Buffer.from(Status.encode({ code, message: known.message, details }).finish()));
  return { code, details: known.message, metadata };
}

/** Turn a gRPC error of a peer into ours. A peer that is not this software gives code INTERNAL, or HOST_UNREACHABLE when it is not there. */
export function fromStatus(error: StatusObject & Partial<Error>): HostError {
  const packed = error.metadata?.get(detailsKey)[0];
  let code: ErrorCode = fallbackCode(error.code);
  let hint = "";
  let retryable: boolean | undefined;
  let retryAfterMs: number | undefined;
  let violations: Violation[] = [];
  if (Buffer.isBuffer(packed)) {
    for (const detail of Status.decode(packed).details) {
      switch (detail.typeUrl.slice(typeUrl.length)) {
        case "google.rpc.ErrorInfo": {
          const info = ErrorInfo.decode(detail.value);
          if (info.reason in errorCodes) code = info.reason as ErrorCode;
          hint = info.metadata["hint"] ?? "";
          retryable = info.metadata["retryable"] === "true";
          break;
        }
        case "google.rpc.BadRequest":
          violations = BadRequest.decode(detail.value).fieldViolations.map((violation) => ({
            field: violation.field,
            message: violation.description,
            hint: violation.localizedMessage?.message ?? "",
          }));
          break;
        case "google.rpc.RetryInfo":
          retryAfterMs = fromDuration(RetryInfo.decode(detail.value).retryDelay);
          break;
      }
    }
  }
  return new HostError(code, error.details || (error.message ?? ""), {
    hint,
    retryable,
    retryAfterMs,
    violations,
    cause: error,
  });
}

function fallbackCode(code: status): ErrorCode {
  switch (code) {
    case status.UNAVAILABLE:
      return "HOST_UNREACHABLE";
    case status.UNIMPLEMENTED:
      return "NOT_SUPPORTED";
    case status.DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case status.INVALID_ARGUMENT:
      return "SPEC_INVALID";
    default:
      return "INTERNAL";
  }
}

function any(name: string, message: { finish(): Uint8Array }): { typeUrl: string; value: Buffer } {
  return { typeUrl: typeUrl + name, value: Buffer.from(message.finish()) };
}
