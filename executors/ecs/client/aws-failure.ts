import { EcsFailure, messageOf, type FailureCode } from "../failure.ts";

/** Names of errors of the service and of the client's library. */
const names: readonly (readonly [RegExp, FailureCode])[] = [
  [/^(Throttl\w*|TooManyRequests\w*|RequestLimitExceeded|ProvisionedThroughputExceeded\w*)$/, "THROTTLED"],
  [/^(AccessDenied\w*|BlockedException|UnauthorizedOperation)$/, "ACCESS_DENIED"],
  [
    /^(CredentialsProviderError|TokenProviderError|ExpiredToken\w*|UnrecognizedClient\w*|InvalidSignature\w*|SignatureDoesNotMatch|InvalidClientTokenId|MissingAuthenticationToken\w*|IncompleteSignature)$/,
    "CREDENTIALS_UNUSABLE",
  ],
  [/^ClusterNotFoundException$/, "CLUSTER_NOT_FOUND"],
  [/^ConflictException$/, "EXECUTION_ID_CONFLICT"],
  [
    /^(TimeoutError|NetworkingError|ENOTFOUND|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/,
    "API_UNREACHABLE",
  ],
];

const hints: Readonly<Partial<Record<FailureCode, string>>> = {
  ACCESS_DENIED: "the README lists the permissions that are needed; probe checks them",
  CREDENTIALS_UNUSABLE: "look at access_key_id, profile and role_arn, or at the executor's environment",
  API_UNREACHABLE: "look at region and endpoint, and at the way there",
};

/** What an error of a call means. Other errors, such as that of an aborted signal, come back as they are. */
export function awsFailure(error: unknown, call: string): unknown {
  if (error instanceof EcsFailure) return error;
  const { name, code, $metadata } = error as { name?: string; code?: unknown; $metadata?: { httpStatusCode?: number } };
  const text = messageOf(error) || String(name);
  const failure = (found: FailureCode): EcsFailure =>
    new EcsFailure(found, `${call}: ${text.trim().replaceAll(/\s*\n\s*/g, " ")}`, { hint: hints[found], cause: error });
  const known = names.find(
    ([pattern]) => pattern.test(String(name)) || (typeof code === "string" && pattern.test(code)),
  );
  if (known !== undefined) return failure(known[1]);
  if (/region is missing/i.test(text))
    return new EcsFailure("REGION_MISSING", "no region is set", { hint: "set region, or AWS_REGION for the executor" });
  if (/task ?definition/i.test(text) && /not found|unable to describe|does not exist/i.test(text))
    return failure("TASK_DEFINITION_NOT_FOUND");
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return error;
  if (status === 429) return failure("THROTTLED");
  return failure(status >= 500 ? "API_ERROR" : "REQUEST_REFUSED");
}

/** Whether the service said that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return (error as { name?: string }).name === "ResourceNotFoundException";
}
