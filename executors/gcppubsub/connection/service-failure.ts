import { grpcConnectFailure, messageOf, RemoteFailure } from "@executor-host/sdk/remote";
import { status, type ServiceError } from "@grpc/grpc-js";

import { fail, type failureCodes } from "../failure.ts";

/** What the codes of gRPC mean when Pub/Sub says them. */
const meanings: Readonly<Record<number, keyof typeof failureCodes>> = {
  [status.NOT_FOUND]: "TOPIC_NOT_FOUND",
  [status.PERMISSION_DENIED]: "PERMISSION_DENIED",
  [status.UNAUTHENTICATED]: "AUTH_FAILED",
  [status.INVALID_ARGUMENT]: "MESSAGE_REFUSED",
  [status.FAILED_PRECONDITION]: "MESSAGE_REFUSED",
  [status.OUT_OF_RANGE]: "MESSAGE_REFUSED",
  [status.RESOURCE_EXHAUSTED]: "QUOTA_EXCEEDED",
  [status.UNAVAILABLE]: "SERVICE_UNAVAILABLE",
  [status.ABORTED]: "SERVICE_UNAVAILABLE",
  [status.DEADLINE_EXCEEDED]: "TIMEOUT_TOTAL",
};

/** What an error of a call means. */
export function serviceFailure(error: unknown, peer: string): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  const { code, details = messageOf(error) } = (error ?? {}) as Partial<ServiceError>;
  // Getting a token fails without any code of gRPC's, or with one that the library makes up.
  if (typeof code !== "number")
    return fail("CREDENTIALS_UNAVAILABLE", `no token: ${messageOf(error)}`, { cause: error });
  const unsent = grpcConnectFailure({ code, message: details }, peer);
  // Its hint may name keys that this executor does not have.
  if (unsent !== undefined) return fail(unsent.code as keyof typeof failureCodes, unsent.message, { cause: error });
  const isTooLarge = code === status.RESOURCE_EXHAUSTED && /larger than max/i.test(details);
  const kind = isTooLarge ? "MESSAGE_TOO_LARGE" : (meanings[code] ?? "SERVICE_ERROR");
  const what = kind === "TIMEOUT_TOTAL" ? "not finished in time" : `Pub/Sub says ${status[code]}`;
  return fail(kind, `${what}: ${details}`, { cause: error });
}

/** Failures that mean that nothing was published. */
const refusals: ReadonlySet<string> = new Set([
  "TOPIC_NOT_FOUND",
  "PERMISSION_DENIED",
  "AUTH_FAILED",
  "MESSAGE_REFUSED",
  "MESSAGE_TOO_LARGE",
  "QUOTA_EXCEEDED",
  "CREDENTIALS_UNAVAILABLE",
  "DNS_NOT_FOUND",
  "DNS_UNAVAILABLE",
  "CONNECTION_REFUSED",
  "CONNECTION_DENIED",
  "TARGET_UNREACHABLE",
  // Only of a call that has not left this machine: one that was under way ends SERVICE_UNAVAILABLE.
  "CONNECTION_LOST",
  "TLS_FAILED",
]);

export function isRefusal({ code }: RemoteFailure): boolean {
  return refusals.has(code);
}

/** Failures that may be over soon. */
const passing: ReadonlySet<string> = new Set([
  "QUOTA_EXCEEDED",
  "SERVICE_UNAVAILABLE",
  "SERVICE_ERROR",
  "CONNECTION_REFUSED",
  "CONNECTION_LOST",
  "DNS_UNAVAILABLE",
  "TARGET_UNREACHABLE",
]);

export function isPassing({ code }: RemoteFailure): boolean {
  return passing.has(code);
}
