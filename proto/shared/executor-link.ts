/**
 * How a host and an executor recognise each other in the go-plugin handshake.
 *
 * Source: Dkron, plugin/serve.go. The same cookie for both contracts, so that executors of either kind run under hosts of either kind.
 */
export const magicCookie = {
  key: "DKRON_PLUGIN_MAGIC_COOKIE",
  value: "b29a76488b6f3ca7955c5f769b50641f0fcd88748d8cedecda313d516320ca19",
} as const;

/**
 * Variable in an executor's environment by which everything it starts can be found again: `INSTANCE/PROCESS`. Executors hand it down.
 */
export const hostTagVariable = "EXECUTOR_HOST_TAG";

/** The contract by its go-plugin application version: Dkron's, and `executor.v1`. */
export const appVersions = { dkron: 1, native: 2 } as const;
