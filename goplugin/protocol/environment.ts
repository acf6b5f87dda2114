/** The variables of the go-plugin protocol. The magic cookie's key is the application's own. */
export const variables = {
  minPort: "PLUGIN_MIN_PORT",
  maxPort: "PLUGIN_MAX_PORT",
  protocolVersions: "PLUGIN_PROTOCOL_VERSIONS",
  multiplex: "PLUGIN_MULTIPLEX_GRPC",
  clientCertificate: "PLUGIN_CLIENT_CERT",
  socketGroup: "PLUGIN_UNIX_SOCKET_GROUP",
  socketDirectory: "PLUGIN_UNIX_SOCKET_DIR",
} as const;

/**
 * Ours, not go-plugin's: `stdin` says that the end of stdin means the end of the host, `none` that the plugin is to live on without one.
 * Other plugins ignore it.
 */
export const lifelineVariable = "EXECUTOR_HOST_LIFELINE";
export const lifelineStdin = "stdin";
export const lifelineNone = "none";

const protocolVariables: ReadonlySet<string> = new Set([...Object.values(variables), lifelineVariable]);

/**
 * A copy without the protocol's variables.
 *
 * A host that is itself a plugin carries those of its own host; a child that saw them would expect TLS, multiplexing or a directory that
 * nobody offers.
 */
export function scrubEnvironment(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !protocolVariables.has(name)));
}

/** Remove the protocol's variables, and any others named, from a live environment. */
export function scrubEnvironmentInPlace(environment: NodeJS.ProcessEnv, ...more: string[]): void {
  for (const name of [...protocolVariables, ...more]) delete environment[name];
}
