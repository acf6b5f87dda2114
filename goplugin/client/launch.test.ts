import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isHostError, type ErrorCode, type HostError } from "@executor-host/proto/shared/error";
import { addEchoService, echoCalls, EchoClient } from "../fixtures/echo-service.ts";
import { fixture, nodeFixture, Sandbox } from "../fixtures/sandbox.ts";
import { createIdentity } from "../tls/identity.ts";
import type { LaunchOptions } from "./launch-options.ts";

const limit = { timeout: 120_000 };

/** Launch something that must fail. */
async function failure(
  sandbox: Sandbox,
  options: Pick<LaunchOptions, "command"> & Partial<LaunchOptions>,
): Promise<HostError> {
  const error: unknown = await sandbox.launch(options).then(
    () => assert.fail("the launch must fail"),
    (reason: unknown) => reason,
  );
  if (!isHostError(error)) throw error;
  return error;
}

describe("launchPlugin() refuses a handshake line", limit, () => {
  const certificate = createIdentity("P-256").certificateDer.toString("base64").replaceAll("=", "");
  const rows: Record<string, { line: string; code: ErrorCode; message: RegExp; options?: Partial<LaunchOptions> }> = {
    "that is something else": { line: "Listening", code: "HANDSHAKE_MALFORMED", message: /on stdout: "Listening"/ },
    "that is blank": { line: "", code: "HANDSHAKE_MALFORMED", message: /first line on stdout: ""/ },
    "with a bad core version": { line: "x|1|unix|/s|grpc", code: "HANDSHAKE_MALFORMED", message: /field 1/ },
    "of another core version": { line: "2|1|unix|/s|grpc", code: "CORE_VERSION_MISMATCH", message: /version 2/ },
    "with a bad version": { line: "1|x|unix|/s|grpc", code: "HANDSHAKE_MALFORMED", message: /field 2/ },
    "of a version nobody offered": {
      line: "1|9|unix|/s|grpc",
      code: "APP_VERSION_MISMATCH",
      message: /version 9, this host \[1, 2\]/,
    },
    "with an unknown network": { line: "1|1|udp|/s|grpc", code: "ADDRESS_INVALID", message: /"udp"/ },
    "with a bad tcp address": { line: "1|1|tcp|localhost|grpc", code: "ADDRESS_INVALID", message: /"localhost"/ },
    "of netrpc by default": { line: "1|1|unix|/s", code: "PROTOCOL_UNSUPPORTED", message: /netrpc/ },
    "with a bad certificate": {
      line: `1|1|unix|/s|grpc|${"A".repeat(60)}`,
      code: "CERTIFICATE_INVALID",
      message: /no X.509/,
      options: { autoMtls: { curve: "P-256" } },
    },
    "with a certificate that nobody asked for": {
      line: `1|1|unix|/s|grpc|${certificate}`,
      code: "CERTIFICATE_INVALID",
      message: /wants no TLS/,
    },
    "without the certificate that was asked for": {
      line: "1|1|unix|/s|grpc|",
      code: "CERTIFICATE_INVALID",
      message: /no certificate/,
      options: { autoMtls: { curve: "P-256" } },
    },
    "of a plugin that has not heard of multiplexing": {
      line: "1|1|unix|/s|grpc|",
      code: "MULTIPLEX_UNSUPPORTED",
      message: /does not know of it/,
      options: { multiplex: true },
    },
    "of a plugin that declines multiplexing": {
      line: "1|1|unix|/s|grpc||F",
      code: "MULTIPLEX_UNSUPPORTED",
      message: /declines/,
      options: { multiplex: true },
    },
    "with a bad answer about multiplexing": {
      line: "1|1|unix|/s|grpc||maybe",
      code: "HANDSHAKE_MALFORMED",
      message: /field 7/,
      options: { multiplex: true },
    },
    "of a multiplexing plugin that does not listen": {
      line: "1|1|tcp|127.0.0.1:1|grpc||true",
      code: "CONNECT_FAILED",
      message: /ECONNREFUSED/,
      options: { multiplex: true, connectTimeoutMs: 100 },
    },
    "with an address where nobody listens": {
      line: "1|1|tcp|127.0.0.1:1|grpc|",
      code: "CONNECT_FAILED",
      message: /ECONNREFUSED/,
      options: { connectTimeoutMs: 1_000 },
    },
    "with a socket that does not exist": {
      line: "1|1|unix|/no/such/socket|grpc|",
      code: "CONNECT_FAILED",
      message: /ENOENT/,
      options: { connectTimeoutMs: 1_000 },
    },
  };
  for (const [name, { line, code, message, options }] of Object.entries(rows)) {
    it(name, async () => {
      await using sandbox = new Sandbox();
      const error = await failure(sandbox, { command: fixture("prints.sh"), args: [`${line}\\n`], ...options });
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.match(error.message, /has been killed/);
      assert.ok(error.message.includes(JSON.stringify(line.slice(0, 300))), "the line is quoted");
      assert.notEqual(error.hint, "");
    });
  }

  it("that is longer than any", async () => {
    await using sandbox = new Sandbox();
    const command = "head -c 200000 /dev/zero; exec sleep 600";
    const error = await failure(sandbox, { command: "/bin/sh", args: ["-c", command] });
    assert.equal(error.code, "HANDSHAKE_MALFORMED");
    assert.match(error.message, /over 65536 characters/);
  });
});

describe("launchPlugin() tells how a plugin failed that", limit, () => {
  it("exits without a line, with its status and last words", async () => {
    await using sandbox = new Sandbox();
    const args = ["", "cannot find libx\\nbye\\n", "3"];
    const error = await failure(sandbox, { command: fixture("prints-and-exits.sh"), args });
    assert.equal(error.code, "HANDSHAKE_MISSING");
    assert.match(error.message, /exited with code 3; stderr ended with:\ncannot find libx\nbye$/);
    assert.match(error.hint, /magic cookie/);
  });

  it("exits after a wrong line", async () => {
    await using sandbox = new Sandbox();
    const args = ["hello\\n", '{"@level":"error","@message":"no config"}\\n', "1"];
    const error = await failure(sandbox, { command: fixture("prints-and-exits.sh"), args });
    assert.equal(error.code, "HANDSHAKE_MALFORMED");
    assert.match(error.message, /stdout: "hello"; process exited with code 1; stderr ended with:\nerror: no config$/);
  });

  it("does not know the cookie", async () => {
    await using sandbox = new Sandbox();
    const magicCookie = { key: "OTHER", value: "cookie" };
    const error = await failure(sandbox, { ...nodeFixture("echo-plugin.ts"), magicCookie });
    assert.equal(error.code, "HANDSHAKE_MISSING");
    assert.match(error.message, /exited with code 1; stderr ended with:[^]*This program is a plugin/);
  });

  it("closes stdout without a line, and lives on", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { command: fixture("prints.sh"), args: ["", "close"] });
    assert.equal(error.code, "HANDSHAKE_MISSING");
    assert.match(error.message, /still running and has been killed; nothing on stderr/);
  });

  it("is silent", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { command: fixture("prints.sh"), args: [""], startTimeoutMs: 100 });
    assert.equal(error.code, "HANDSHAKE_TIMEOUT");
    assert.match(error.message, /no handshake line on stdout within 100 ms/);
  });

  it("does not end its line", async () => {
    await using sandbox = new Sandbox();
    const args = ["1|1|unix|/s|grpc"];
    const error = await failure(sandbox, { command: fixture("prints.sh"), args, startTimeoutMs: 2_000 });
    assert.equal(error.code, "HANDSHAKE_TIMEOUT");
    assert.match(error.message, /a line without an end: "1\|1\|unix\|\/s\|grpc"/);
  });

  it("prints its line and exits", async () => {
    await using sandbox = new Sandbox();
    const args = ["1|1|unix|/no/such/socket|grpc|", "", "0"];
    const error = await failure(sandbox, { command: fixture("prints-and-exits.sh"), args });
    assert.equal(error.code, "PLUGIN_EXITED");
    assert.match(error.message, /before it could be connected to.*exited with code 0/);
  });

  it("leaves a child behind, which is killed", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { command: fixture("forks-and-dies.sh") });
    assert.equal(error.code, "HANDSHAKE_MISSING");
    assert.match(error.message, /exited with code 4/);
  });

  it("listens, but never answers", async () => {
    await using sandbox = new Sandbox();
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket));
    const path = join(sandbox.directory, "mute");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const args = [`1|1|unix|${path}|grpc|\\n`];
    const error = await failure(sandbox, { command: fixture("prints.sh"), args, connectTimeoutMs: 100 });
    assert.equal(error.code, "CONNECT_FAILED");
    assert.match(error.message, /no answer in time/);
    server.close();
    for (const socket of accepted) socket.destroy();
  });

  it("says it multiplexes, and does not", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { ...nodeFixture("deceitful-plugin.ts", "pretends"), multiplex: true });
    assert.equal(error.code, "PROTOCOL_VIOLATION");
    assert.match(error.message, /multiplexed connection/);
    assert.match(error.hint, /yamux/);
  });

  it("says it multiplexes, and then nothing", async () => {
    await using sandbox = new Sandbox();
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket));
    const path = join(sandbox.directory, "mute");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const args = [`1|1|unix|${path}|grpc||true\\n`];
    const options = { args, multiplex: true, connectTimeoutMs: 100 };
    const error = await failure(sandbox, { command: fixture("prints.sh"), ...options });
    assert.equal(error.code, "CONNECT_FAILED");
    assert.match(error.message, /no answer in time/);
    server.close();
    for (const socket of accepted) socket.destroy();
  });

  it("prints secrets, which whoever knows them masks", async () => {
    await using sandbox = new Sandbox();
    const args = ["1|token-1|x|y\\nmore token-2\\n", "token-3\\n[WARN] token-4\\n", "1"];
    const mask = (text: string): string => text.replaceAll(/token-\d/g, "***");
    const error = await failure(sandbox, { command: fixture("prints-and-exits.sh"), args, mask });
    assert.match(error.message, /"1\|\*\*\*\|x\|y".*stderr ended with:\n\*\*\*\nwarn: \*\*\*$/s);
    const told = JSON.stringify([error, error.message, error.hint, String(error.cause), sandbox.logs]);
    assert.doesNotMatch(told, /token/);
    assert.deepEqual(sandbox.logs.map(({ message }) => message).toSorted(), ["***", "***", "more ***"]);
  });

  it("speaks TLS without having said so", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, nodeFixture("deceitful-plugin.ts", "tls"));
    assert.equal(error.code, "CONNECT_FAILED");
  });

  it("says it speaks TLS, and does not", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { ...nodeFixture("deceitful-plugin.ts", "plaintext"), autoMtls: true });
    assert.equal(error.code, "CONNECT_FAILED");
    assert.match(error.hint, /TLS/);
  });

  it("sends somebody else's certificate", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { ...nodeFixture("deceitful-plugin.ts", "stranger"), autoMtls: true });
    assert.equal(error.code, "CONNECT_FAILED");
    assert.match(error.message, /certificate/);
    assert.match(error.hint, /TLS/);
  });
});

describe("launchPlugin() says what is wrong with a file", limit, () => {
  const rows: Record<string, { name: string; content?: string; mode?: number; message: RegExp; hint: RegExp }> = {
    "that does not exist": { name: "gone", message: /no such file or directory \(ENOENT\)/, hint: /cannot look at/ },
    "that may not be executed": {
      name: "plain",
      content: "#!/bin/sh\n",
      mode: 0o644,
      message: /permission denied \(EACCES\)/,
      hint: /mode 0644/,
    },
    "whose interpreter does not exist": {
      name: "script",
      content: "#!/no/such/shell\n",
      mode: 0o755,
      message: /\(ENOENT\)/,
      hint: /interpreter \/no\/such\/shell/,
    },
  };
  for (const [name, { name: file, content, mode, message, hint }] of Object.entries(rows)) {
    it(name, async () => {
      await using sandbox = new Sandbox();
      const command = join(sandbox.directory, file);
      if (content !== undefined) writeFileSync(command, content, { mode: mode ?? 0o755 });
      const error = await failure(sandbox, { command });
      assert.equal(error.code, "PLUGIN_SPAWN_FAILED");
      assert.match(error.message, message);
      assert.match(error.hint, hint);
    });
  }

  it("that is a directory", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { command: sandbox.directory });
    assert.equal(error.code, "PLUGIN_SPAWN_FAILED");
    assert.match(error.hint, /is not a file/);
  });

  it("that is in no directory of PATH", async () => {
    await using sandbox = new Sandbox();
    const error = await failure(sandbox, { command: "no-such-plugin", env: { PATH: "/bin" } });
    assert.equal(error.code, "PLUGIN_SPAWN_FAILED");
    assert.match(error.hint, /PATH .* is \/bin/);
  });
});

describe("launchPlugin() with a checksum", limit, () => {
  const digest = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

  it("does not start a file that differs", async () => {
    await using sandbox = new Sandbox();
    const checksum = { algorithm: "sha256", hex: "0".repeat(64) } as const;
    const error = await failure(sandbox, { command: fixture("prints.sh"), checksum });
    assert.equal(error.code, "PLUGIN_CHECKSUM_MISMATCH");
    assert.deepEqual(sandbox.pids, []);
  });

  it("starts a program that is right", async () => {
    await using sandbox = new Sandbox();
    const checksum = { algorithm: "sha256", hex: digest(process.execPath) } as const;
    await using plugin = await sandbox.launch({ ...nodeFixture("echo-plugin.ts"), checksum });
    assert.equal(await echoCalls(plugin.client(EchoClient)).say("hi"), "ts v2: hi");
  });

  it("starts a script that is right, also through a wrapper", async () => {
    await using sandbox = new Sandbox();
    const command = fixture("wraps-without-exec.sh");
    const checksum = { algorithm: "sha256", hex: digest(command) } as const;
    const args = [process.execPath, fixture("echo-plugin.ts")];
    for (const wrapper of [[], ["/usr/bin/env", "--"]]) {
      await using plugin = await sandbox.launch({ command, args, checksum, wrapper });
      assert.equal(plugin.appVersion, 2);
    }
  });

  it(
    "starts what was verified, though the path means another file by then",
    { skip: process.platform !== "linux" && "skipped: not Linux" },
    async () => {
      await using sandbox = new Sandbox();
      const command = join(sandbox.directory, "plugin.sh");
      copyFileSync(fixture("prints-and-exits.sh"), command);
      const checksum = { algorithm: "sha256", hex: digest(command) } as const;
      const wrapper = join(sandbox.directory, "replaces.sh");
      // Runs after the check and before the plugin: a moment in which an attacker could act.
      writeFileSync(
        wrapper,
        `#!/bin/sh\nprintf '#!/bin/sh\\necho replaced >&2\\n' > new && mv new plugin.sh\nexec "$@"\n`,
      );
      chmodSync(wrapper, 0o755);
      const cwd = sandbox.directory;
      const error = await failure(sandbox, {
        command,
        args: ["", "the verified one\\n", "5"],
        checksum,
        wrapper: [wrapper],
        cwd,
      });
      assert.match(error.message, /exited with code 5; stderr ended with:\nthe verified one$/);
      assert.match(readFileSync(command, "utf8"), /replaced/);
    },
  );
});

describe("launchPlugin() for a plugin that runs as somebody else", limit, () => {
  /** Whoever runs this is somebody else. */
  const nobody = 65_533;
  const runsAs = { uid: nobody, gid: nobody };
  const wrapper = ["/usr/bin/setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--"];

  it("gives it its directory and its callbacks, or says that it may not", async () => {
    await using sandbox = new Sandbox();
    const options = { ...nodeFixture("echo-plugin.ts"), runsAs, wrapper };
    if (process.getuid?.() !== 0) {
      const error = await failure(sandbox, options);
      assert.equal(error.code, "PLUGIN_OPTIONS_INVALID");
      assert.match(error.message, /^cannot make a directory in runtimeDir: EPERM/);
      return;
    }
    mkdirSync(sandbox.runtimeDir);
    for (const directory of [sandbox.directory, sandbox.runtimeDir]) chmodSync(directory, 0o711);
    await using plugin = await sandbox.launch(options);
    const [own = ""] = readdirSync(sandbox.runtimeDir);
    const { uid, mode } = statSync(join(sandbox.runtimeDir, own));
    assert.deepEqual([uid, mode & 0o777], [nobody, 0o700]);
    const id = plugin.broker.nextId();
    await using _served = await plugin.broker.serve(id, (server) =>
      addEchoService(server, { say: async (said) => `host: ${said}` }),
    );
    assert.equal(await echoCalls(plugin.client(EchoClient)).callBack(id), "host: called back");
  });
});

describe("launchPlugin() gives the plugin", limit, () => {
  it("exactly the environment it was told, without another host's protocol variables", async () => {
    await using sandbox = new Sandbox();
    const dump = join(sandbox.directory, "environment");
    await failure(sandbox, {
      command: fixture("dumps-environment.sh"),
      args: [dump],
      env: {
        PATH: "/usr/bin:/bin",
        MINE: "1",
        PLUGIN_CLIENT_CERT: "other",
        PLUGIN_MULTIPLEX_GRPC: "true",
        PLUGIN_UNIX_SOCKET_DIR: "/gone",
        PLUGIN_UNIX_SOCKET_GROUP: "staff",
      },
    });
    const shellsOwn = ["PWD", "OLDPWD", "SHLVL", "_"];
    const lines = readFileSync(dump, "utf8").trimEnd().split("\n");
    const environment = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s)));
    for (const name of shellsOwn) delete environment[name];
    const { PLUGIN_UNIX_SOCKET_DIR: directory, ...rest } = environment;
    assert.ok(directory.startsWith(`${sandbox.runtimeDir}/p-`));
    assert.deepEqual(rest, {
      PATH: "/usr/bin:/bin",
      MINE: "1",
      ECHO_PLUGIN_MAGIC_COOKIE: "echo",
      PLUGIN_MIN_PORT: "10000",
      PLUGIN_MAX_PORT: "25000",
      PLUGIN_PROTOCOL_VERSIONS: "1,2",
      EXECUTOR_HOST_LIFELINE: "stdin",
    });
  });

  it("the host's certificate when TLS is on, and no word of a lifeline when it is off", async () => {
    await using sandbox = new Sandbox();
    const dump = join(sandbox.directory, "environment");
    await failure(sandbox, {
      command: fixture("dumps-environment.sh"),
      args: [dump],
      autoMtls: true,
      lifeline: false,
    });
    const environment = readFileSync(dump, "utf8");
    assert.match(environment, /^PLUGIN_CLIENT_CERT=-----BEGIN CERTIFICATE-----\n/m);
    assert.doesNotMatch(environment, /EXECUTOR_HOST_LIFELINE/);
  });

  it("its working directory, which must exist", async () => {
    await using sandbox = new Sandbox();
    const cwd = join(sandbox.directory, "work");
    mkdirSync(cwd);
    await failure(sandbox, { command: fixture("dumps-environment.sh"), args: ["here"], cwd });
    assert.match(readFileSync(join(cwd, "here"), "utf8"), /ECHO_PLUGIN_MAGIC_COOKIE/);
    const error = await failure(sandbox, { command: fixture("prints.sh"), cwd: join(cwd, "gone") });
    assert.equal(error.code, "PLUGIN_OPTIONS_INVALID");
  });
});

describe("launchPlugin()", limit, () => {
  it("waits for afterSpawn before it talks to the plugin, and gives up when that fails", async () => {
    await using sandbox = new Sandbox();
    const afterSpawn = async (pid: number): Promise<void> => {
      sandbox.pids.push(pid);
      throw new Error("no cgroup");
    };
    await assert.rejects(sandbox.launch({ ...nodeFixture("echo-plugin.ts"), afterSpawn }), /no cgroup/);
    assert.equal(sandbox.pids.length, 1);
  });

  it("gives up when aborted: before, while waiting for the line, and while connecting", async () => {
    await using sandbox = new Sandbox();
    const reason = new Error("enough");
    const command = fixture("prints.sh");
    await assert.rejects(sandbox.launch({ command, signal: AbortSignal.abort(reason) }), reason);
    for (const args of [[""], ["1|1|unix|/no/such/socket|grpc|\\n"]]) {
      const aborter = new AbortController();
      const launching = sandbox.launch({ command, args, signal: aborter.signal });
      setTimeout(() => aborter.abort(reason), 100);
      await assert.rejects(launching, reason);
    }
  });

  it("refuses options that make no sense", async () => {
    await using sandbox = new Sandbox();
    const command = fixture("prints.sh");
    const bad: Partial<LaunchOptions>[] = [
      { command: "" },
      { magicCookie: { key: "", value: "x" } },
      { appVersions: [] },
      { appVersions: [1.5] },
      { checksum: { algorithm: "sha256", hex: "abc" } },
      { runtimeDir: join(sandbox.directory, "x".repeat(100)) },
      { runtimeDir: join(fixture("prints.sh"), "no-directory") },
    ];
    for (const options of bad)
      assert.equal((await failure(sandbox, { command, ...options })).code, "PLUGIN_OPTIONS_INVALID");
    assert.deepEqual(sandbox.pids, []);
  });

  it("accepts a last line without a line feed, and white space around it", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch(nodeFixture("deceitful-plugin.ts", "untidy"));
    assert.equal(plugin.appVersion, 1);
  });

  it("connects over tcp, though a proxy is configured", async () => {
    await using sandbox = new Sandbox();
    const before = process.env["http_proxy"];
    process.env["http_proxy"] = "http://127.0.0.1:1";
    try {
      for (const autoMtls of [false, true]) {
        await using plugin = await sandbox.launch({ ...nodeFixture("deceitful-plugin.ts", "tcp"), autoMtls });
        assert.equal(await echoCalls(plugin.client(EchoClient)).say("hi"), "hi");
      }
    } finally {
      if (before === undefined) delete process.env["http_proxy"];
      else process.env["http_proxy"] = before;
    }
  });
});
