import { checkServerIdentity, createSecureContext } from "node:tls";
import { isIP } from "node:net";

import type { TlsMaterial } from "@executor-host/sdk/remote";
import { credentials, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";

import { limits } from "../defaults.ts";
import type { Route } from "./route.ts";

/** gRPC's number for gzip. */
const gzip = 2;

export function channelOptions(route: Route): ChannelOptions {
  const { tls, authority, retry, keepaliveTimeMs } = route;
  const name = tls?.serverName;
  return {
    // Executions that share a connection share it here, and not by the library's own rules.
    "grpc.use_local_subchannel_pool": 1,
    // Statistics that nobody asks for, with several dates for each call.
    "grpc.enable_channelz": 0,
    // No proxy is used unless a job says so.
    "grpc.enable_http_proxy": 0,
    "grpc.max_receive_message_length": route.maxReceiveBytes,
    "grpc.max_send_message_length": route.maxSendBytes ?? -1,
    "grpc.keepalive_timeout_ms": route.keepaliveTimeoutMs,
    // The service config of a name server could change what the job says.
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_retries": retry.attempts > 1 ? 1 : 0,
    "grpc.service_config": JSON.stringify(retry.attempts > 1 ? retryConfig(retry) : {}),
    ...(keepaliveTimeMs !== undefined && {
      "grpc.keepalive_time_ms": keepaliveTimeMs,
      "grpc.keepalive_permit_without_calls": 1,
    }),
    ...(route.gzip && { "grpc.default_compression_algorithm": gzip }),
    ...(authority !== undefined && { "grpc.default_authority": authority }),
    ...(name !== undefined && isIP(name) === 0 && { "grpc.ssl_target_name_override": name }),
  };
}

function retryConfig({ attempts, codes, backoffMs }: Route["retry"]): object {
  return {
    methodConfig: [
      {
        name: [{}],
        retryPolicy: {
          maxAttempts: attempts,
          initialBackoff: `${backoffMs / 1000}s`,
          maxBackoff: `${limits.maxRetryBackoffMs / 1000}s`,
          backoffMultiplier: 2,
          retryableStatusCodes: codes,
        },
      },
    ],
  };
}

export function channelCredentials(tls: TlsMaterial | undefined, peer: string): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const context = createSecureContext({
    minVersion: tls.minVersion,
    ca: tls.ca,
    cert: tls.certificate,
    key: tls.key,
    passphrase: tls.passphrase,
  });
  const host = tls.serverName ?? peer.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return credentials.createFromSecureContext(context, {
    rejectUnauthorized: tls.verify,
    // Not the authority: that is for proxies to route by.
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  });
}
