import { Metadata, type CallOptions, type Channel, type Interceptor } from "@grpc/grpc-js";
import { HealthClient } from "@executor-host/proto/health";
import { healthServiceName } from "../protocol/defaults.ts";
import { linkClient, unaryCall } from "./grpc-call.ts";

/**
 * Ask the plugin for its health, as go-plugin's Ping does: any answer counts, whatever state it names.
 *
 * @throws {ServiceError} when the call fails
 * @throws `signal.reason` when aborted
 */
export async function checkHealth(
  channel: Channel,
  options: { deadline: Date | undefined; signal?: AbortSignal | undefined; interceptors?: Interceptor[] },
): Promise<void> {
  const client = linkClient(HealthClient, channel, options.interceptors);
  const callOptions: Partial<CallOptions> = options.deadline === undefined ? {} : { deadline: options.deadline };
  await unaryCall(
    (callback) => client.check({ service: healthServiceName }, new Metadata(), callOptions, callback),
    options.signal,
  );
}
