import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Channel, type ServiceError } from "@grpc/grpc-js";
import { ConnInfo, GRPCBrokerClient, GRPCControllerClient, GRPCStdioClient } from "@executor-host/proto/goplugin";
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthClient,
} from "@executor-host/proto/health";
import { isHostError } from "@executor-host/proto/shared/error";
import { linkClient, unaryCall } from "../client/grpc-call.ts";
import { addEchoService, echoCookie, echoOn } from "../fixtures/echo-service.ts";
import { fixture, until } from "../fixtures/sandbox.ts";
import { parseHandshake } from "../protocol/handshake.ts";
import { createCredentials } from "../tls/credentials.ts";
import { openChannel } from "../transport/channel.ts";
import { listen } from "../transport/listen.ts";
import { servePlugin, type ServeOptions } from "./index.ts";
import { multiplexWish } from "./server-transport.ts";

const limit = { timeout: 120_000 };
const cookie = { [echoCookie.key]: echoCookie.value };

/** A plugin started by hand, so that a test sees what a host would. */
class Started implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "serve-"));
  readonly child;
  readonly exit: Promise<number | null>;
  stderr = "";
  stdout = "";
  #channel: Channel | undefined;

  constructor(name: string, options: { env?: Record<string, string>; args?: string[] } = {}) {
    this.child = spawn(process.execPath, [fixture(name), ...(options.args ?? [])], {
      env: { ...cookie, PLUGIN_UNIX_SOCKET_DIR: this.directory, PLUGIN_PROTOCOL_VERSIONS: "1", ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stderr.on("data", (data: Buffer) => (this.stderr += data.toString()));
    this.child.stdout.on("data", (data: Buffer) => (this.stdout += data.toString()));
    this.exit = once(this.child, "close").then(([code]) => code);
  }

  /** The handshake line, when it is there. */
  async line(): Promise<string> {
    await Promise.race([until(() => this.stdout.includes("\n")), this.exit]);
    return this.stdout.split("\n", 1)[0] ?? "";
  }

  async channel(): Promise<Channel> {
    this.#channel ??= openChannel(parseHandshake(await this.line()).address, createCredentials(undefined).client);
    return this.#channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel?.close();
    this.child.kill("SIGKILL");
    await this.exit;
    rmSync(this.directory, { recursive: true });
  }
}

function shutDown(channel: Channel): Promise<object> {
  const client = linkClient(GRPCControllerClient, channel);
  return unaryCall((callback) => client.shutdown({}, callback));
}

describe("servePlugin() refuses to serve", limit, () => {
  for (const [name, env] of Object.entries({
    without: { ECHO_PLUGIN_MAGIC_COOKIE: "" },
    "with a wrong": { ECHO_PLUGIN_MAGIC_COOKIE: "x" },
  })) {
    it(`${name} cookie: three lines for a person, and not a byte on stdout`, async () => {
      await using plugin = new Started("echo-plugin.ts", { env });
      assert.equal(await plugin.exit, 1);
      assert.equal(plugin.stdout, "");
      assert.equal(plugin.stderr.trimEnd().split("\n").length, 3);
      assert.match(plugin.stderr, /This program is a plugin/);
    });
  }

  it("with options that make no sense", async () => {
    const good: ServeOptions = { magicCookie: echoCookie, versions: { 1: () => undefined } };
    const bad: ServeOptions[] = [
      { ...good, magicCookie: { key: "", value: "x" } },
      { ...good, magicCookie: { key: "x", value: "" } },
      { ...good, versions: {} },
    ];
    for (const options of bad) {
      await assert.rejects(
        servePlugin(options),
        (error) => isHostError(error) && error.code === "PLUGIN_OPTIONS_INVALID",
      );
    }
  });

  it("a host whose certificate cannot be read", async () => {
    await using plugin = new Started("echo-plugin.ts", { env: { PLUGIN_CLIENT_CERT: "nonsense" } });
    assert.equal(await plugin.exit, 1);
    assert.equal(plugin.stdout, "");
    assert.match(plugin.stderr, /PLUGIN_CLIENT_CERT is no certificate/);
  });

  it("and then tells what the program printed meanwhile", async () => {
    await using plugin = new Started("slow-to-stop.ts", { env: { PLUGIN_UNIX_SOCKET_DIR: "/no/such/directory" } });
    assert.equal(await plugin.exit, 1);
    assert.equal(plugin.stdout, "");
    assert.match(plugin.stderr, /printed before the handshake\n[^]*cannot listen on/);
  });

  it("in a directory that does not exist", async () => {
    await using plugin = new Started("echo-plugin.ts", { env: { PLUGIN_UNIX_SOCKET_DIR: "/no/such/directory" } });
    assert.equal(await plugin.exit, 1);
    assert.equal(plugin.stdout, "");
    assert.match(plugin.stderr, /cannot listen on/);
  });
});

describe("A served plugin's handshake line", limit, () => {
  it("has six fields, and names a socket that only its owner may use", async () => {
    await using plugin = new Started("echo-plugin.ts");
    assert.match(await plugin.line(), new RegExp(`^1\\|1\\|unix\\|${plugin.directory}/plugin\\d+\\|grpc\\|$`));
    const [socket = ""] = readdirSync(plugin.directory);
    assert.equal(statSync(join(plugin.directory, socket)).mode & 0o777, 0o600);
  });

  it("has a seventh field when the host asks for multiplexing", async () => {
    const answers = { true: true, T: true, false: false, maybe: false, "": undefined };
    for (const [wish, answer] of Object.entries(answers))
      assert.equal(multiplexWish({ PLUGIN_MULTIPLEX_GRPC: wish }), answer, wish);
    assert.equal(multiplexWish({}), undefined);
    await using plugin = new Started("echo-plugin.ts", { env: { PLUGIN_MULTIPLEX_GRPC: "1" } });
    assert.match(await plugin.line(), /\|grpc\|\|true$/);
  });

  it("answers the lowest version to a host from before version lists", async () => {
    await using plugin = new Started("echo-plugin.ts", { env: { PLUGIN_PROTOCOL_VERSIONS: "" } });
    assert.match(await plugin.line(), /^1\|1\|/);
  });

  it("skips versions that are no integers, with a word about it", async () => {
    await using plugin = new Started("echo-plugin.ts", { env: { PLUGIN_PROTOCOL_VERSIONS: "1x,2" } });
    assert.match(await plugin.line(), /^1\|2\|/);
    await until(() => plugin.stderr.includes("1x"));
  });

  it("comes first, whatever the program prints before", async () => {
    await using plugin = new Started("slow-to-stop.ts");
    assert.match(await plugin.line(), /^1\|1\|unix\|/);
    const stream = linkClient(GRPCStdioClient, await plugin.channel()).streamStdio({});
    stream.on("error", () => undefined);
    let seen = "";
    stream.on("data", ({ data }) => (seen += data.toString()));
    await until(() => seen === "printed before the handshake\nprinted after the handshake\n");
    assert.equal(plugin.stdout.split("\n").length, 2);
  });
});

describe("A served plugin", limit, () => {
  it("says it is well under the names that go-plugin knows", async () => {
    await using plugin = new Started("echo-plugin.ts");
    const health = linkClient(HealthClient, await plugin.channel());
    for (const service of ["plugin", ""]) {
      const { status } = await unaryCall<HealthCheckResponse>((callback) => health.check({ service }, callback));
      assert.equal(status, ServingStatus.SERVING);
    }
    await assert.rejects(
      unaryCall((callback) => health.check({ service: "other" }, callback)),
      (error: ServiceError) => error.details === "unknown service",
    );
  });

  it("supports several broker streams in a row, for a host that attaches again", async () => {
    await using plugin = new Started("echo-plugin.ts");
    const channel = await plugin.channel();
    const place = { network: "unix", directory: plugin.directory } as const;
    const listener = await listen(place, createCredentials(undefined).server, (server) => {
      addEchoService(server, { say: async (text) => `raw host: ${text}` });
    });
    assert.equal(listener.address.network, "unix");
    for (const ending of ["cancel", "end", "cancel"] as const) {
      const stream = linkClient(GRPCBrokerClient, channel).startStream();
      stream.on("error", () => undefined);
      const announced = once(stream, "data");
      stream.write(ConnInfo.fromPartial({ serviceId: 7, network: "unix", address: listener.address.path }));
      assert.equal(await echoOn(channel).callBack(7), "raw host: called back");
      await echoOn(channel).offer();
      const [{ network }] = await announced;
      assert.equal(network, "unix");
      const over = new Promise((resolve) => stream.once("status", resolve));
      stream[ending]();
      await over;
    }
    await listener.close();
  });

  it("answers Shutdown, then ends with its sockets, brokered ones included", async () => {
    await using plugin = new Started("echo-plugin.ts");
    const channel = await plugin.channel();
    const stream = linkClient(GRPCBrokerClient, channel).startStream();
    stream.on("error", () => undefined);
    await echoOn(channel).offer();
    assert.equal(readdirSync(plugin.directory).length, 2);
    assert.deepEqual(await shutDown(channel), {});
    assert.equal(await plugin.exit, 0);
    assert.deepEqual(readdirSync(plugin.directory), []);
  });

  for (const [fault, remark] of Object.entries({
    never: /clean-up is not finished in time/,
    fails: /clean-up failed.*cannot clean up/,
  })) {
    it(`stops although its clean-up ${fault === "never" ? "never ends" : "fails"}`, async () => {
      await using plugin = new Started("slow-to-stop.ts", { args: [fault] });
      await shutDown(await plugin.channel());
      assert.equal(await plugin.exit, 0);
      assert.match(plugin.stdout, /stopped: shutdown\n$/);
      const log = plugin.stderr.split("\n").map((line) => line.replace(/^(.*)"error":"([^"]*)"(.*)$/, "$1$3$2"));
      assert.match(log.join("\n"), remark);
      assert.deepEqual(readdirSync(plugin.directory), []);
    });
  }

  it("ends when the lifeline does", async () => {
    await using plugin = new Started("slow-to-stop.ts", { env: { EXECUTOR_HOST_LIFELINE: "stdin" } });
    await plugin.line();
    plugin.child.stdin.end();
    assert.equal(await plugin.exit, 0);
    assert.match(plugin.stdout, /stopped: host-gone\n$/);
  });

  it("does not take the end of stdin for the end of a host that promised no lifeline", async () => {
    await using plugin = new Started("echo-plugin.ts");
    const channel = await plugin.channel();
    plugin.child.stdin.end();
    assert.equal(await echoOn(channel).say("x"), "ts v1: x");
  });

  it("ignores SIGINT, which a terminal sends to its host, too", async () => {
    await using plugin = new Started("echo-plugin.ts");
    const channel = await plugin.channel();
    plugin.child.kill("SIGINT");
    assert.equal(await echoOn(channel).say("x"), "ts v1: x");
  });

  it("without a directory of its host's uses the system's, and leaves nothing there", async () => {
    await using plugin = new Started("echo-plugin.ts", { env: { PLUGIN_UNIX_SOCKET_DIR: "", TMPDIR: tmpdir() } });
    const { address } = parseHandshake(await plugin.line());
    assert.ok(address.network === "unix" && address.path.startsWith(`${tmpdir()}/plugin`));
    await shutDown(await plugin.channel());
    assert.equal(await plugin.exit, 0);
    assert.equal(existsSync(address.path), false);
  });
});
