import type { ConnectionOptions } from "node:tls";
import { RemoteFailure } from "@executor-host/sdk/remote";
import kafkajs, { type Kafka, type KafkaConfig, type SASLOptions } from "kafkajs";

import { limits } from "../defaults.ts";
import { addCodecs } from "./codecs.ts";
import { mendRequestQueue } from "./request-queue.ts";
import type { ClusterSettings, LoginSettings } from "./settings.ts";
import { Sockets } from "./sockets.ts";
import { Token } from "./token.ts";

/** A client of the library, with sockets of its own. */
export interface Client {
  readonly kafka: Kafka;
  readonly sockets: Sockets;
  /** What the library has logged last as an error. */
  lastError(): string | undefined;
  /** What the login failed with on our side, such as no token. */
  loginProblem(): RemoteFailure | undefined;
}

/** What a login asks for its token; undefined when it needs none. Clients with equal settings should share it. */
export function tokenFor({ login: settings }: ClusterSettings): Token | undefined {
  return settings?.mechanism === "oauthbearer" ? new Token(settings.token) : undefined;
}

/** @param signal aborts getting a token */
export function createClient(settings: ClusterSettings, token: Token | undefined, signal: AbortSignal): Client {
  addCodecs();
  mendRequestQueue();
  const sockets = new Sockets();
  let lastError: string | undefined;
  let loginProblem: RemoteFailure | undefined;
  const kafka = new kafkajs.Kafka({
    clientId: settings.clientId,
    // Asked whenever no known broker answers. An empty list is what makes the library give up.
    brokers: () => (sockets.stopped ? [] : [...settings.brokers]),
    ...(settings.tls !== undefined && { ssl: tlsOptions(settings.tls) }),
    ...(settings.login !== undefined && {
      sasl: login(settings.login, token, signal, (problem) => {
        loginProblem = problem;
      }),
    }),
    connectionTimeout: limits.authenticationMs,
    authenticationTimeout: limits.authenticationMs,
    requestTimeout: limits.requestMs,
    socketFactory: sockets.open,
    // Until it succeeds or is stopped: time limits are set from outside.
    retry: {
      initialRetryTime: limits.retryMs,
      maxRetryTime: limits.maxRetryMs,
      multiplier: 2,
      retries: Number.MAX_SAFE_INTEGER,
    },
    logLevel: kafkajs.logLevel.ERROR,
    logCreator:
      () =>
      ({ log }) => {
        // The message names the request, the error what became of it.
        const reason: unknown = log["error"];
        lastError = typeof reason === "string" ? reason : log.message;
      },
  });
  return { kafka, sockets, lastError: () => lastError, loginProblem: () => loginProblem };
}

function tlsOptions(tls: NonNullable<ClusterSettings["tls"]>): ConnectionOptions {
  return {
    ca: tls.ca,
    cert: tls.certificate,
    key: tls.key,
    passphrase: tls.passphrase,
    minVersion: tls.minVersion,
    rejectUnauthorized: tls.verify,
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
  };
}

function login(
  settings: LoginSettings,
  token: Token | undefined,
  signal: AbortSignal,
  onProblem: (problem: RemoteFailure) => void,
): NonNullable<KafkaConfig["sasl"]> {
  if (settings.mechanism !== "oauthbearer") {
    // One object for each: the library's type tells them apart by their mechanism.
    const { mechanism, username, password } = settings;
    return { mechanism, username, password } as SASLOptions;
  }
  const oauthBearerProvider = async (): Promise<{ value: string }> => {
    try {
      return { value: (await token?.get(signal)) ?? "" };
    } catch (error) {
      if (error instanceof RemoteFailure) onProblem(error);
      throw error;
    }
  };
  return { mechanism: "oauthbearer", oauthBearerProvider };
}
