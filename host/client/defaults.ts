/** Waits of the client, in milliseconds. */
export const timeouts = {
  /** From the first try until the host has answered. */
  connectMs: 5_000,
  /** For the answer to one question. Some start an executor first, which may take up to the host's `executor-start-timeout`. */
  callMs: 120_000,
} as const;

/** Options of the gRPC channel. Names as in the README of `@grpc/grpc-js`, "Supported Channel Options". */
export const channelOptions = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // The default of 64 KiB slows output down to a third.
  "grpc-node.flow_control_window": 1024 * 1024,
  // One connection per client, so that closing one disturbs no other.
  "grpc.use_local_subchannel_pool": 1,
  // What was sent is not kept for another try: calls that may be repeated are repeated by the caller, by execution id.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
} as const;
