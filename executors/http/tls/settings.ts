/** What is needed to speak TLS with a target; plain data, so that equal settings have equal digests. */
export interface TlsSettings {
  /** PEM of the authorities to trust; undefined means the system's. */
  readonly ca: string | undefined;
  /** Trust the system's authorities as well. */
  readonly withSystemCa: boolean;
  /** PEM of the client certificate, with intermediates behind it. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
  /** Name to ask for and to check instead of the host's. */
  readonly serverName: string | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** False takes any certificate. */
  readonly verify: boolean;
}
