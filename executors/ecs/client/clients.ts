import { createHash } from "node:crypto";

import type * as LogsLibrary from "@aws-sdk/client-cloudwatch-logs";
import type * as EcsLibrary from "@aws-sdk/client-ecs";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";

/** What a job speaks to the service with. */
export interface Clients {
  readonly ecs: EcsLibrary.ECSClient;
  readonly commands: typeof EcsLibrary;
  /** For logs in another region than the task's. */
  logs(region?: string): LogsLibrary.CloudWatchLogsClient;
  readonly logCommands: typeof LogsLibrary;
}

/** Clients by who asks whom. Their connections are kept open between executions. */
export class ClientPool implements Disposable {
  readonly #clients = new Map<string, Promise<Clients & Disposable>>();

  /** The libraries are loaded here, at the first use. */
  of(config: Config): Promise<Clients> {
    const {
      region,
      endpoint,
      logs_endpoint,
      sts_endpoint,
      profile,
      access_key_id,
      secret_access_key,
      session_token,
      role_arn,
      external_id,
    } = config;
    const parts = [
      region,
      endpoint,
      logs_endpoint,
      sts_endpoint,
      profile,
      access_key_id,
      secret_access_key,
      session_token,
      role_arn,
      external_id,
    ];
    const key = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
    const found = this.#clients.get(key) ?? open(config);
    this.#clients.set(key, found);
    found.catch(() => this.#clients.delete(key));
    return found;
  }

  [Symbol.dispose](): void {
    for (const clients of this.#clients.values())
      clients.then(
        (opened) => opened[Symbol.dispose](),
        () => undefined,
      );
    this.#clients.clear();
  }
}

async function open(config: Config): Promise<Clients & Disposable> {
  const [commands, logCommands, credentials] = await Promise.all([
    import("@aws-sdk/client-ecs"),
    import("@aws-sdk/client-cloudwatch-logs"),
    credentialsOf(config),
  ]);
  const shared = {
    ...(config.region && { region: config.region }),
    ...(config.profile && { profile: config.profile }),
    ...(credentials !== undefined && { credentials }),
    maxAttempts: limits.callAttempts,
    requestHandler: { connectionTimeout: limits.connectMs, requestTimeout: limits.requestMs },
  };
  const ecs = new commands.ECSClient({ ...shared, ...(config.endpoint && { endpoint: config.endpoint }) });
  const logsEndpoint = config.logs_endpoint || config.endpoint;
  const byRegion = new Map<string, LogsLibrary.CloudWatchLogsClient>();
  return {
    ecs,
    commands,
    logCommands,
    logs(region = "") {
      const found =
        byRegion.get(region) ??
        new logCommands.CloudWatchLogsClient({
          ...shared,
          ...(region !== "" && { region }),
          ...(logsEndpoint && { endpoint: logsEndpoint }),
        });
      byRegion.set(region, found);
      return found;
    },
    [Symbol.dispose]() {
      for (const client of [ecs, ...byRegion.values()]) client.destroy();
    },
  };
}

/** Undefined: the usual chain. */
async function credentialsOf(config: Config) {
  const { access_key_id, secret_access_key, session_token, role_arn, external_id, region } = config;
  const keys =
    access_key_id && secret_access_key
      ? {
          accessKeyId: access_key_id,
          secretAccessKey: secret_access_key,
          ...(session_token && { sessionToken: session_token }),
        }
      : undefined;
  if (!role_arn) return keys;
  const { fromTemporaryCredentials } = await import("@aws-sdk/credential-providers");
  const endpoint = config.sts_endpoint || config.endpoint;
  return fromTemporaryCredentials({
    ...(keys !== undefined && { masterCredentials: keys }),
    params: { RoleArn: role_arn, RoleSessionName: "executor-host", ...(external_id && { ExternalId: external_id }) },
    clientConfig: {
      ...(region && { region }),
      ...(endpoint && { endpoint }),
      ...(config.profile && { profile: config.profile }),
    },
  });
}
