import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";

import { limits } from "../defaults.ts";
import type { TlsSettings } from "./settings.ts";

/** TLS settings made ready for connecting. Kept, because reading the system's authorities takes some milliseconds each time. */
export class SecureContexts {
  /** In the order of last use. */
  readonly #contexts = new Map<string, SecureContext>();

  get(settings: TlsSettings): SecureContext {
    const key = JSON.stringify(settings);
    const context = this.#contexts.get(key) ?? create(settings);
    this.#contexts.delete(key);
    this.#contexts.set(key, context);
    for (const oldest of this.#contexts.keys()) {
      if (this.#contexts.size <= limits.secureContexts) break;
      this.#contexts.delete(oldest);
    }
    return context;
  }
}

function create(settings: TlsSettings): SecureContext {
  const { ca, certificate, key, passphrase, minVersion } = settings;
  return createSecureContext({
    minVersion,
    ca: ca === undefined ? undefined : settings.withSystemCa ? [...getCACertificates("default"), ca] : ca,
    cert: certificate,
    key,
    passphrase,
  });
}
