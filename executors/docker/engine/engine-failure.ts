import { DockerFailure, messageOf, type FailureCode } from "../failure.ts";

/** What the engine said no to: status and text of its answer. Undefined: it did not answer. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** Codes of sockets when there is no engine, or no longer. */
const goneCodes = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
]);

export function refusalOf(error: unknown): Refusal | undefined {
  const { statusCode, json } = error as { statusCode?: unknown; json?: unknown };
  if (typeof statusCode !== "number") return undefined;
  const { message } = (json ?? {}) as { message?: unknown };
  return {
    status: statusCode,
    message: oneLine(typeof message === "string" ? message : messageOf(error).replace(/^\(HTTP code \d+\) .*? - /, "")),
  };
}

/** What an error of the client means when nothing more is known. Other errors, such as that of an aborted signal, come back as they are. */
export function engineFailure(error: unknown, engine: string): unknown {
  const refusal = refusalOf(error);
  if (refusal !== undefined) {
    const { status, message } = refusal;
    if (status === 401 || status === 403)
      return new DockerFailure("ENGINE_DENIED", `${engine}: ${message}`, { cause: error });
    if (status >= 500) return new DockerFailure("ENGINE_ERROR", `${engine}: ${message}`, { cause: error });
    return new DockerFailure("CONTAINER_REFUSED", message, { cause: error });
  }
  const { code = "" } = error as { code?: string };
  if (code === "EACCES" || code === "EPERM") {
    return new DockerFailure("ENGINE_DENIED", `${engine} does not let us in: ${messageOf(error)}`, {
      hint: "the executor's user needs the right to use the engine's socket",
      cause: error,
    });
  }
  if (goneCodes.has(code)) {
    return new DockerFailure("ENGINE_UNREACHABLE", `${engine} cannot be reached: ${messageOf(error)}`, {
      hint: "is the engine running there?",
      cause: error,
    });
  }
  if (isTls(code, error)) {
    return new DockerFailure("ENGINE_TLS_FAILED", `no agreement on TLS with ${engine}: ${messageOf(error)}`, {
      hint: "check tls_ca, tls_certificate and tls_certificate_key",
      cause: error,
    });
  }
  return error;
}

function isTls(code: string, error: unknown): boolean {
  return (
    /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code) ||
    /certificate|wrong version number/i.test(messageOf(error))
  );
}

/** Texts of runtimes about programs that cannot be started. */
const startProblems: readonly (readonly [RegExp, FailureCode])[] = [
  [/executable file not found|exec: .*no such file or directory/i, "COMMAND_NOT_FOUND"],
  [/exec: .*(permission denied|exec format error|is a directory)|exec format error/i, "COMMAND_NOT_EXECUTABLE"],
];

/** What it means that the engine would not start a container. */
export function startFailure(error: unknown, engine: string): unknown {
  const refusal = refusalOf(error);
  const found = startProblems.find(([pattern]) => pattern.test(refusal?.message ?? ""));
  if (refusal === undefined || found === undefined) return engineFailure(error, engine);
  return new DockerFailure(found[1], refusal.message, {
    hint: "look at entrypoint, command and the image",
    cause: error,
  });
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*[\r\n]+\s*/g, " ");
}
