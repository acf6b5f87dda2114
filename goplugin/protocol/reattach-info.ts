import { HostError } from "@executor-host/proto/shared/error";
import { formatAddress, isAddressProblem, parseAddress, type Address } from "./address.ts";
import type { MutualTls } from "../tls/credentials.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** Whatever a host needs to reach a plugin that it did not start. Survives JSON. */
export interface ReattachInfo {
  readonly address: Address;
  /** The application protocol version the plugin serves; it is not negotiated again. */
  readonly appVersion: number;
  readonly pid: number;
  /** Proves that the pid is still the plugin's. Without it, no signal is ever sent to that process. */
  readonly identity?: ProcessIdentity;
  /** The plugin serves in test mode: no host ever ends it. Default false. */
  readonly isTest?: boolean;
  /** Private to the plugin and its hosts; the last host removes it. */
  readonly socketDirectory?: string;
  /** Of mutual TLS, when it is on. A secret: whoever has the key may use the plugin. */
  readonly tls?: MutualTls;
}

/**
 * Check what was read from a file or a variable.
 *
 * @throws {HostError} `PLUGIN_OPTIONS_INVALID` naming the field; never shows a key
 */
export function assertReattachInfo(info: ReattachInfo): void {
  const { address, appVersion, pid, identity, socketDirectory, tls } = info;
  if (!Number.isSafeInteger(pid) || pid < 1) throw invalid("pid", `no process id: ${pid}`);
  if (!Number.isSafeInteger(appVersion) || appVersion < 0) throw invalid("appVersion", `no version: ${appVersion}`);
  const parsed = parseAddress(address.network, formatAddress(address));
  if (isAddressProblem(parsed)) throw invalid("address", parsed.problem, parsed.hint);
  if (identity !== undefined && !(Number.isSafeInteger(identity.startTicks) && /^[0-9a-f-]{36}$/.test(identity.bootId)))
    throw invalid("identity", "it needs startTicks, an integer, and bootId, as /proc/sys/kernel/random/boot_id has it");
  if (socketDirectory !== undefined && !socketDirectory.startsWith("/"))
    throw invalid("socketDirectory", `no absolute path: ${socketDirectory}`);
  if (tls !== undefined && !isTls(tls))
    throw invalid(
      "tls",
      "it needs identity, with privateKeyPem and certificatePem, and peerCertificatePem, all in PEM",
    );
}

function isTls({ identity, peerCertificatePem }: MutualTls): boolean {
  const texts: unknown[] = [identity?.privateKeyPem, identity?.certificatePem, peerCertificatePem];
  return texts.every((text) => typeof text === "string" && text.startsWith("-----BEGIN "));
}

function invalid(field: string, problem: string, hint = "use what the plugin's first host gave"): HostError {
  return new HostError("PLUGIN_OPTIONS_INVALID", `reattach info, ${field}: ${problem}`, { hint });
}
