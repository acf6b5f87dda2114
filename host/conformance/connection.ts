import type { Channel } from "@grpc/grpc-js";
import { Metadata } from "@grpc/grpc-js";
import {
  createCredentials,
  linkClient,
  openChannel,
  toPem,
  type Address,
  type ClientConstructor,
  type Identity,
} from "@executor-host/goplugin/parts";
import { GRPCControllerClient } from "@executor-host/proto/goplugin";
import { HealthClient, type HealthCheckResponse } from "@executor-host/proto/health";
import { ask, type Answer } from "./calls.ts";

/** A connection that nothing has been done with yet. */
export class Connection implements Disposable {
  readonly #channel: Channel;

  /** @param tls who to be, and the certificate in the handshake line; undefined means plaintext */
  constructor(address: Address, tls?: { readonly identity: Identity; readonly certificate: string }) {
    const mutual = tls && {
      identity: tls.identity,
      peerCertificatePem: toPem(Buffer.from(tls.certificate, "base64")),
    };
    this.#channel = openChannel(address, createCredentials(mutual).client);
  }

  client<T>(Constructor: ClientConstructor<T>): T {
    return linkClient(Constructor, this.#channel);
  }

  /** Health as go-plugin asks for it. */
  health(limitMs: number): Promise<Answer<HealthCheckResponse>> {
    const client = this.client(HealthClient);
    return ask(limitMs, (options, done) => client.check({ service: "plugin" }, new Metadata(), options, done));
  }

  /** Ask the process to end. A Go plugin never answers. */
  async shutDown(limitMs: number): Promise<Answer<unknown>> {
    const client = this.client(GRPCControllerClient);
    return ask(limitMs, (options, done) => client.shutdown({}, new Metadata(), options, done));
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}
