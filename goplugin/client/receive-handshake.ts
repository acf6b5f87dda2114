import { setTimeout as sleep } from "node:timers/promises";
import { HostError } from "@executor-host/proto/shared/error";
import { limits, timeouts } from "../protocol/defaults.ts";
import { parseGoBoolean } from "../protocol/go-text.ts";
import type { Handshake } from "../protocol/handshake.ts";
import { WaitTimeout, within } from "../protocol/wait.ts";
import type { PluginChild } from "./plugin-child.ts";

/**
 * Wait for the first line on a plugin's stdout.
 *
 * @throws {HostError} `HANDSHAKE_MISSING`, `HANDSHAKE_TIMEOUT`, `HANDSHAKE_MALFORMED` when it is too long
 * @throws `signal.reason` when aborted
 */
export async function receiveHandshakeLine(
  child: PluginChild,
  options: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<string> {
  // A process that is gone while something else holds its stdout will not say more than what is in the pipe.
  const gone = child.ended.then(() => sleep(timeouts.drainMs, undefined, { ref: false }));
  const line = await within(Promise.race([child.output.firstLine, gone]), options).catch((error: unknown) => {
    throw error instanceof WaitTimeout ? tooLate(child.output.unfinishedLine, options.timeoutMs) : error;
  });
  if (line === undefined) {
    throw new HostError("HANDSHAKE_MISSING", "stdout ended without a handshake line", {
      hint: "usual causes: not a plugin of this host (magic cookie), a crash at start, a missing library, a file for another machine",
    });
  }
  if (!line.isComplete) {
    throw new HostError(
      "HANDSHAKE_MALFORMED",
      `first line on stdout is over ${limits.lineCharacters} characters long`,
      {
        hint: "the first line on stdout must be the handshake; nothing may be printed before it",
      },
    );
  }
  return line.text;
}

/** What this host asked of the plugin. */
export interface HostWishes {
  readonly appVersions: readonly number[];
  /** It gave the plugin its certificate. */
  readonly isTlsAsked: boolean;
  readonly isMultiplexAsked: boolean;
}

/**
 * Check that both sides can work together: version, protocol, and TLS and multiplexing on both sides or on none.
 *
 * go-plugin itself notices a difference in TLS with the first call only.
 *
 * @throws {HostError} `APP_VERSION_MISMATCH`, `PROTOCOL_UNSUPPORTED`, `CERTIFICATE_INVALID`, `MULTIPLEX_UNSUPPORTED`,
 *   `HANDSHAKE_MALFORMED` when the seventh field is no boolean, which only a host that asked looks at
 */
export function assertAgreement(handshake: Handshake, wishes: HostWishes): void {
  const { appVersion, protocol, certificate } = handshake;
  const { appVersions, isTlsAsked, isMultiplexAsked } = wishes;
  if (!appVersions.includes(appVersion)) {
    const message = `plugin speaks application protocol version ${appVersion}, this host [${appVersions.join(", ")}]`;
    throw new HostError("APP_VERSION_MISMATCH", message, {
      hint: "use a build of the plugin made for one of these versions",
    });
  }
  if (protocol !== "grpc") {
    throw new HostError("PROTOCOL_UNSUPPORTED", `plugin speaks ${protocol}, this host grpc only`, {
      hint: "a Go plugin needs a gRPC server (GRPCServer in its ServeConfig)",
    });
  }
  if (isTlsAsked && certificate === undefined) {
    throw new HostError("CERTIFICATE_INVALID", "plugin sent no certificate (field 6), but this host wants mutual TLS", {
      hint: "turn autoMtls off for this plugin if it cannot do it",
    });
  }
  if (!isTlsAsked && certificate !== undefined) {
    throw new HostError("CERTIFICATE_INVALID", "plugin sent a certificate (field 6), but this host wants no TLS", {
      hint: "turn autoMtls on for this plugin",
    });
  }
  if (isMultiplexAsked) assertMultiplexes(handshake.multiplex);
}

function assertMultiplexes(field: string | undefined): void {
  const answer = field === undefined ? false : parseGoBoolean(field);
  if (answer === undefined) {
    throw new HostError("HANDSHAKE_MALFORMED", `multiplexing (field 7) is no boolean: ${JSON.stringify(field)}`, {
      hint: "`true` or `false`",
    });
  }
  if (answer) return;
  const said = field === undefined ? "does not know of it" : "declines";
  throw new HostError("MULTIPLEX_UNSUPPORTED", `this host wants a multiplexed connection, but the plugin ${said}`, {
    hint: "turn multiplex off for this plugin, or build it with go-plugin 1.6 or later",
  });
}

function tooLate(unfinishedLine: string, timeoutMs: number): HostError {
  const start = unfinishedLine.slice(0, limits.quotedCharacters);
  const seen = start === "" ? "" : `: stdout has a line without an end: ${JSON.stringify(start)}`;
  return new HostError("HANDSHAKE_TIMEOUT", `no handshake line on stdout within ${timeoutMs} ms${seen}`, {
    hint: "the plugin is slow to start, waits for something, or does not end its line; one that is only slow needs a longer start timeout",
  });
}
