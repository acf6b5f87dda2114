/** The only core protocol version there has ever been. */
export const coreProtocolVersion = 1;

/** The health service name that a go-plugin host asks for. */
export const healthServiceName = "plugin";

/** Every default wait of this package, in milliseconds. */
export const timeouts = {
  /** From spawn to the handshake line; go-plugin's default. */
  startMs: 60_000,
  /** From the handshake line to a usable connection. */
  connectMs: 10_000,
  /** One health call. */
  pingMs: 5_000,
  /** How long a side waits for the other's connection info, and how long an unused one is kept; go-plugin's rule. */
  brokerMs: 5_000,
  /** How long a knock for an id that nobody serves is kept: a little less than the other side waits. */
  brokerHoldMs: 4_500,
  /** How long a brokered server may finish its calls when it is closed. */
  brokerDrainMs: 1_000,
  /** From the Shutdown call to SIGTERM. */
  graceMs: 5_000,
  /** From SIGTERM to SIGKILL. */
  terminateMs: 2_000,
  /** From SIGKILL until a process that is still there is named a survivor. */
  killMs: 5_000,
  /** How long a plugin with a bad handshake may end by itself, so that its exit status and last words can be told. */
  settleMs: 250,
  /** How long pipes are read after an exit; a grandchild may hold them open for ever. */
  drainMs: 100,
  /** From a failed call until a broken connection shows. */
  disconnectMs: 100,
  /** From a broken connection until the exit event that explains it. */
  exitMs: 2_000,
  /** Between two looks at something that sends no event. */
  pollMs: 10,
  /** Between two looks at a process that another host has started. */
  attachedPollMs: 100,
  /** Between two looks at the parent process. */
  parentPollMs: 1_000,
  /** How long a plugin's own clean-up may take: a Go host kills 2 s after its Shutdown call. */
  cleanUpMs: 1_500,
  /** How long the plugin waits for its last output to leave. */
  flushMs: 200,
} as const;

/** Every limit of this package, in bytes unless said otherwise. */
export const limits = {
  /** A longer line of output is passed on in pieces; Go hosts do the same at this size. */
  lineCharacters: 64 * 1024,
  /** What is kept of stderr to explain an exit. */
  tailBytes: 8 * 1024,
  /** HTTP/2 receive window of a channel: large streams are several times faster than with the default of 64 KiB. */
  receiveWindowBytes: 1024 * 1024,
  /** Output of a plugin that waits for a host to read it; the oldest is dropped beyond this. */
  stdioBufferBytes: 1024 * 1024,
  /** One message of the stdio stream. */
  stdioChunkBytes: 64 * 1024,
  /** What is shown of a line in an error. */
  quotedCharacters: 300,
  /** How much of a file is read to see what it is. */
  fileHeadBytes: 64 * 1024,
} as const;

/** The multiplexed connection. Values are those of hashicorp/yamux unless said otherwise. */
export const yamuxDefaults = {
  /** Receive window of a stream; the protocol's own, so never smaller. */
  windowBytes: 256 * 1024,
  /** Largest data frame that is sent; ours, so that streams take turns. */
  frameBytes: 64 * 1024,
  /** Streams that wait to be accepted, and opened ones that wait to be acknowledged. */
  backlog: 256,
  /** Streams at a time, of both sides together; ours. */
  maxStreams: 4_096,
  /** Control frames, in bytes, that the other side leaves unread before it is given up; ours. */
  unreadControlBytes: 1024 * 1024,
  keepAliveMs: 30_000,
  keepAliveTimeoutMs: 10_000,
  /** From opening a stream to its acknowledgement. */
  openMs: 75_000,
  /** From closing a stream until the other side has closed it too. */
  closeMs: 300_000,
  /** How long a last word may take to leave; ours. */
  farewellMs: 1_000,
} as const;
