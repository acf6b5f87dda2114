import type { Channel, ClientReadableStream } from "@grpc/grpc-js";
import { GRPCBrokerClient, GRPCStdioClient, StdioData_Channel, type StdioData } from "@executor-host/proto/goplugin";
import type { LinkBroker } from "../broker/broker.ts";
import { linkClient } from "./grpc-call.ts";
import type { LaunchOptions } from "./launch-options.ts";
import type { LinkTransport } from "./link-transport.ts";

/** The connection to one plugin: the channel, the broker's stream and the stdio stream. Knows nothing of processes. */
export class PluginLink implements AsyncDisposable {
  readonly #transport: LinkTransport;
  readonly #onStdio: LaunchOptions["onStdio"];
  #stdioStream: ClientReadableStream<StdioData> | undefined;

  constructor(transport: LinkTransport, onStdio: LaunchOptions["onStdio"]) {
    this.#transport = transport;
    this.#onStdio = onStdio;
  }

  get channel(): Channel {
    return this.#transport.channel;
  }

  get broker(): LinkBroker {
    return this.#transport.broker;
  }

  /** Open both streams; called once, when the channel is connected. A Go plugin waits for the first and stalls without the second. */
  openStreams(): void {
    this.#openBroker();
    this.#openStdio();
  }

  /** Fail what is waiting and drop what is open, now. Idempotent. */
  async close(): Promise<void> {
    this.#stdioStream?.cancel();
    await this.#transport.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #openBroker(): void {
    const stream = linkClient(GRPCBrokerClient, this.channel).startStream();
    // Half-closing would make a Go plugin report an error.
    this.broker.attach({ write: (info) => void stream.write(info), close: () => stream.cancel() });
    stream.on("data", (info) => this.broker.receive(info));
    // A plugin without the service, or gone. There is one stream per connection: without it the broker is of no use.
    stream.on("error", () => undefined);
    stream.on("status", () => void this.broker.close());
  }

  #openStdio(): void {
    const stream = linkClient(GRPCStdioClient, this.channel).streamStdio({});
    this.#stdioStream = stream;
    // Read even when nobody wants it: a Go plugin's prints block otherwise.
    stream.on("data", ({ channel, data }) => {
      if (channel === StdioData_Channel.STDOUT) this.#onStdio?.("stdout", data);
      else if (channel === StdioData_Channel.STDERR) this.#onStdio?.("stderr", data);
    });
    // Plugins older than the service, or gone: normal ends all of them.
    stream.on("error", () => undefined);
  }
}
