import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { connectFailure, showMs, type RemoteFailure } from "@executor-host/sdk/remote";
import type { ISocketFactory } from "kafkajs";

import { limits } from "../defaults.ts";
import { failure } from "../failure.ts";

/**
 * The sockets of one client of the library, which itself cannot be stopped: it goes on trying until it succeeds. Without sockets it cannot.
 */
export class Sockets {
  readonly #open = new Set<Socket>();
  readonly #hopeless = new AbortController();
  #stopped = false;
  #lost = false;
  #silenceMs = 0;
  #problem: RemoteFailure | undefined;

  /** False as soon as one has been closed. */
  get intact(): boolean {
    return !this.#lost && !this.#stopped;
  }

  /** What went wrong last. */
  get problem(): RemoteFailure | undefined {
    return this.#problem;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Aborts with a failure that trying again cannot mend, such as a certificate that is not trusted. */
  get hopeless(): AbortSignal {
    return this.#hopeless.signal;
  }

  readonly open: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#stopped) throw new Error("stopped");
    // The library's type says that there is always one.
    const tls = ssl as typeof ssl | null;
    const socket = tls
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...tls }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setNoDelay(true).setKeepAlive(true, limits.tcpKeepAliveMs).setTimeout(this.#silenceMs);
    socket.on("timeout", () => socket.destroy(new Error(`silent for ${showMs(this.#silenceMs)}`)));
    this.#open.add(socket);
    socket.on("error", (error) => this.#note(error, `${host}:${port}`, socket.bytesRead > 0));
    socket.once("close", () => {
      this.#lost = true;
      this.#open.delete(socket);
    });
    return socket;
  };

  /** From now on, take a connection for lost on which nothing happens for so long. @param silenceMs 0: never */
  limitSilence(silenceMs: number): void {
    this.#silenceMs = silenceMs;
    for (const socket of this.#open) socket.setTimeout(silenceMs);
  }

  /** Close all, and let none be opened any more. */
  stop(): void {
    this.#stopped = true;
    // With an error, as the library does not notice a socket that just closes.
    for (const socket of this.#open) socket.destroy(new Error("stopped"));
  }

  #note(error: Error, peer: string, wasUp: boolean): void {
    if (this.#stopped) return;
    const problem = connectFailure(error, peer);
    const isLost = wasUp && problem.code === "CONNECTION_LOST";
    this.#problem = isLost
      ? failure("CONNECTION_LOST", `the connection to ${peer} was lost: ${error.message}`, { cause: error })
      : problem;
    if (this.#problem.retryability === "PERMANENT") this.#hopeless.abort(this.#problem);
  }
}
