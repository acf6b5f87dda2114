import { HostError } from "@executor-host/proto/shared/error";
import type { MutualTls } from "../tls/credentials.ts";
import type { Curve } from "../tls/identity.ts";
import type { Owner } from "../transport/bind.ts";
import type { LogEntry } from "./log-entry.ts";

/** How to launch a plugin. */
export interface LaunchOptions {
  /** Path of the executable, relative ones from `cwd`; a bare name is looked up in `env.PATH`. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Working directory of the plugin, default the host's own. */
  readonly cwd?: string;
  /** The plugin's whole environment; nothing is inherited. The protocol's own variables in it are dropped. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * A command to start the plugin through, which must replace itself by it (`exec`), such as
   * `["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"]`. Default none.
   */
  readonly wrapper?: readonly string[];
  /**
   * Who the plugin runs as, when `wrapper` makes it somebody else: its private directory and the sockets made for it are given to them.
   * Only root can do that. Default: this process's own user.
   */
  readonly runsAs?: Owner;
  /** Key and value are the application's; the plugin refuses to run without. */
  readonly magicCookie: { readonly key: string; readonly value: string };
  /** The application protocol versions the host speaks; the plugin chooses. */
  readonly appVersions: readonly number[];
  /** Mutual TLS with throw-away certificates, default on with P-256. `false` means plaintext; the socket directory is private either way. */
  readonly autoMtls?: boolean | { readonly curve: Curve };
  /**
   * TLS of your own in place of AutoMTLS, for plugins that have their own, too. Certificates must be valid for the name `localhost`, both ways.
   */
  readonly tls?: MutualTls;
  /**
   * One connection for everything, brokered servers included, default false. For plugins that share nothing but one socket with their
   * host, such as those in a container. The plugin must know it: go-plugin 1.6 or later.
   */
  readonly multiplex?: boolean;
  /**
   * What the executable must be. On Linux the file that was verified is the one executed, whatever happens to its path meanwhile: it is
   * run as `/proc/self/fd/3`, so that a script finds this in place of its own path. Elsewhere the path is executed. A file that a script
   * loads or an interpreter it names is not covered, nor is a change made to the verified file in place.
   */
  readonly checksum?: { readonly algorithm: "sha256"; readonly hex: string };
  /** A private directory for this plugin's sockets is made in here and removed at the end. Made when missing. Keep it short: see the limit of socket paths. */
  readonly runtimeDir: string;
  /** From spawn to the handshake line, default 60_000. */
  readonly startTimeoutMs?: number;
  /** From the handshake line to a usable connection, default 10_000. */
  readonly connectTimeoutMs?: number;
  /**
   * Give the plugin a pipe as stdin that ends with this host, and say so in its environment, default true. A plugin made with our server
   * side then ends, too. `false` gives it an empty stdin.
   */
  readonly lifeline?: boolean;
  /**
   * Let the plugin live on when this host ends, for a later one to reattach to, default false. Its stdin is empty then, whatever `lifeline`
   * says. Its pipes break with this host: a plugin of ours bears that, one made with Go dies of its next line of log.
   */
  readonly survivesHost?: boolean;
  /** Called when the process is there, and waited for before the host talks to it: the place to put it into a cgroup. */
  readonly afterSpawn?: (pid: number) => void | Promise<void>;
  /** Called for every line on stderr, parsed, and for lines on stdout after the handshake, at debug level. Must not throw. */
  readonly onLog?: (entry: LogEntry) => void;
  /**
   * Hides what nobody may see in what the plugin writes to its pipes, before it is shown in an error or a log: secrets that it was given,
   * perhaps. Gets text of one or more lines. Must not throw. Default: nothing is hidden.
   */
  readonly mask?: (text: string) => string;
  /** Called with what the plugin prints after the handshake, in pieces of any size. Must not throw. */
  readonly onStdio?: (channel: "stdout" | "stderr", data: Buffer) => void;
  /** Gives up the launch; the process is then killed. Of no effect once launched. */
  readonly signal?: AbortSignal;
}

/** @throws {HostError} `PLUGIN_OPTIONS_INVALID` */
export function assertLaunchOptions(options: LaunchOptions): void {
  const { magicCookie, appVersions, checksum } = options;
  if (options.command === "") throw invalid("command is empty", "give the path of the plugin's executable");
  if (magicCookie.key === "" || magicCookie.value === "") {
    throw invalid("magicCookie needs a key and a value: at least one is empty", "take both from the plugin family");
  }
  const badVersion = appVersions.find((version) => !Number.isSafeInteger(version) || version < 0);
  if (appVersions.length === 0 || badVersion !== undefined) {
    throw invalid(`appVersions must be integers >= 0, at least one: [${appVersions.join(", ")}]`, "such as [1, 2]");
  }
  if (checksum !== undefined && !/^[0-9a-f]{64}$/i.test(checksum.hex)) {
    throw invalid(`checksum.hex is no sha256: ${JSON.stringify(checksum.hex)}`, "64 hexadecimal digits are needed");
  }
}

function invalid(message: string, hint: string): HostError {
  return new HostError("PLUGIN_OPTIONS_INVALID", message, { hint });
}
