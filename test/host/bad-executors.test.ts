import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import type { HostError } from "@executor-host/proto/shared/error";
import { collect } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("a bad executor", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({
      executors: ["noop", "wrong-cookie", "wrong-version", "bad-schema"],
      settings: { executorStartTimeoutMs: 2_000 },
    });
  });
  after(() => host[Symbol.asyncDispose]());

  async function failureOf(executor: string): Promise<HostError> {
    const failures = await Promise.all(
      [
        host.client.submit({ executor }),
        collect(host.client.execute({ executor })),
        host.client.describeExecutor(executor),
        host.client.validate({ executor }),
      ].map((asked) =>
        asked.then(
          () => assert.fail("it was accepted"),
          (error: unknown) => error as HostError,
        ),
      ),
    );
    const [first] = failures;
    assert(first !== undefined);
    for (const failure of failures) assert.equal(failure.code, "EXECUTOR_UNUSABLE", failure.message);
    // One bad executor disturbs nobody.
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    return first;
  }

  async function listed(name: string) {
    const { executors, skippedFiles } = await host.client.listExecutors();
    return {
      executor: executors.find((executor) => executor.name === name),
      skipped: skippedFiles.filter(({ path }) => path.endsWith(`/dkron-executor-${name}`)),
    };
  }

  const unusable = [
    {
      title: "that may not be executed is listed and refused with the remedy",
      name: "plain",
      install: () => host.plugins.file("plain", "#!/bin/sh\n", 0o644),
      reason: "not executable for this user (chmod +x)",
    },
    {
      title: "that everybody may write to is not started",
      name: "open",
      install: () => host.plugins.file("open", "#!/bin/sh\n", 0o757),
      reason: "everybody may write to this file; remove that right (chmod o-w)",
    },
    {
      title: "that is a directory is not started",
      name: "folder",
      install: () => mkdir(host.plugins.path + "/dkron-executor-folder"),
      reason: "not a regular file",
    },
    {
      title: "for another architecture is not handed to a shell",
      name: "elf",
      install: () => host.plugins.file("elf", foreignElf(), 0o755),
      reason: `the file is an ELF program for s390x; this machine is linux ${process.arch}`,
    },
    {
      title: "that is no program is not handed to a shell",
      name: "text",
      install: () => host.plugins.file("text", "touch /tmp/eh-must-not-run\n", 0o755),
      reason: "the file is neither a program of a known format nor a script that starts with `#!`",
    },
    {
      title: "that is empty is not handed to a shell",
      name: "empty",
      install: () => host.plugins.file("empty", "", 0o755),
      reason: "the file is empty",
    },
  ];
  for (const { title, name, install, reason } of unusable) {
    test(title, guard, async () => {
      await install();
      const { executor, skipped } = await listed(name);
      assert.equal(executor, undefined);
      assert.deepEqual(
        skipped.map((file) => file.reason),
        [reason],
      );
      const failure = await failureOf(name);
      assert.equal(failure.message, `executor "${name}" cannot be used: ${skipped[0]?.path}: ${reason}`);
    });
  }

  test("whose name is there twice is used from neither place, and both are named", guard, async () => {
    const second = host.path("more-plugins");
    await using twice = await TestHost.start({ settings: { pluginsDirs: [host.plugins.path, second] } });
    await mkdir(second, { recursive: true });
    await writeFile(`${second}/dkron-executor-noop`, "#!/bin/sh\n");
    await chmod(`${second}/dkron-executor-noop`, 0o755);
    const { executors, skippedFiles } = await twice.client.listExecutors();
    assert.equal(
      executors.find(({ name }) => name === "noop"),
      undefined,
    );
    const paths = [`${host.plugins.path}/dkron-executor-noop`, `${second}/dkron-executor-noop`];
    for (const [index, path] of paths.entries()) {
      const reason = skippedFiles.find((file) => file.path === path)?.reason;
      assert.equal(reason, `the name "noop" is there twice: also ${paths[1 - index]}; remove one of them`);
    }
    await assert.rejects(twice.client.submit({ executor: "noop" }), (error: HostError) => {
      assert.equal(error.code, "EXECUTOR_UNUSABLE");
      for (const path of paths) assert(error.message.includes(path));
      return true;
    });
  });

  const failing = [
    {
      title: "whose interpreter is missing is told with its name",
      name: "lost",
      install: () => host.plugins.script("lost", "#!/no/such/interpreter\n"),
      message: /\/no\/such\/interpreter is not here/,
    },
    {
      title: "that ends at once is told with its exit code and last words",
      name: "ends",
      install: () => host.plugins.script("ends", "#!/bin/sh\necho cannot find libfoo >&2\nexit 3\n"),
      message: /exited with code 3[\s\S]*cannot find libfoo/,
    },
    {
      title: "that prints something else than a handshake is told with what it printed",
      name: "chatty",
      install: () => host.plugins.script("chatty", "#!/bin/sh\necho Hello, I am a plugin\nexec sleep 1000\n"),
      message: /Hello, I am a plugin/,
    },
    {
      title: "that never finishes its handshake is told with the limit",
      name: "mute",
      install: () => host.plugins.script("mute", "#!/bin/sh\nexec sleep 1000\n"),
      message: /2000 ms|2s/,
    },
    {
      title: "for another host is told with its own words",
      name: "wrong-cookie",
      install: () => undefined,
      message: /OTHER_PLUGIN is not set/,
    },
    {
      title: "that speaks another version is told with both",
      name: "wrong-version",
      install: () => undefined,
      message: /version.*7/,
    },
    {
      title: "that listens nowhere is told with the address",
      name: "nowhere",
      install: () =>
        host.plugins.script("nowhere", "#!/bin/sh\necho '1|2|unix|/nowhere/at.all|grpc'\nexec sleep 1000\n"),
      message: /\/nowhere\/at\.all/,
    },
  ];
  for (const { title, name, install, message } of failing) {
    test(title, guard, async () => {
      await install();
      const failure = await failureOf(name);
      assert.match(failure.message, new RegExp(`^executor "${name}" cannot be started: `));
      assert.match(`${failure.message}\n${failure.hint}`, message);
      const { executor } = await listed(name);
      assert.equal(executor?.state, "FAILED");
      assert.equal(executor.reason, failure.message, "the list says the same");
      assert.deepEqual(executor.processes, []);
    });
  }

  test("is not started again before a while has passed, and says when", guard, async () => {
    const marker = host.path("starts");
    await host.plugins.script("again", `#!/bin/sh\necho start >> '${marker}'\nexit 1\n`);
    const failures: HostError[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      failures.push(
        await host.client.submit({ executor: "again" }).then(
          () => assert.fail(),
          (error: unknown) => error as HostError,
        ),
      );
    }
    const delayed = failures.filter(({ retryAfterMs }) => retryAfterMs !== undefined);
    assert(delayed.length > 0, "at least one was told to wait");
    for (const { retryAfterMs = 0, retryable, message } of delayed) {
      assert(retryAfterMs > 0 && retryable);
      assert.match(message, /exited with code 1/, "the cause is repeated");
    }
  });

  test("that is mended works with the next execution", guard, async () => {
    await host.plugins.script("mended", "#!/bin/sh\nexit 1\n");
    await assert.rejects(host.client.submit({ executor: "mended" }), { code: "EXECUTOR_UNUSABLE" });
    await host.plugins.fixture("noop", "mended");
    await host.client.listExecutors();
    assert.equal((await collect(host.client.execute({ executor: "mended" }))).result.outcome, "SUCCEEDED");
  });

  test("that comes while the host runs is found without a restart", guard, async () => {
    await host.plugins.fixture("noop", "newcomer");
    assert.equal((await collect(host.client.execute({ executor: "newcomer" }))).result.outcome, "SUCCEEDED");
  });

  test("with a config schema that is none is told as such", guard, async () => {
    const refused = {
      code: "EXECUTOR_UNUSABLE",
      message: /^the config schema of executor "bad-schema" is not valid: /,
    };
    await assert.rejects(host.client.submit({ executor: "bad-schema" }), refused);
    await assert.rejects(host.client.validate({ executor: "bad-schema" }), refused);
  });
});

/** The start of a program for a machine that this is not. */
function foreignElf(): Buffer {
  const head = Buffer.alloc(64);
  head.write("\u007fELF", "latin1");
  head.set([2, 2, 1], 4); // 64 bits, big endian
  head.writeUInt16BE(2, 16);
  head.writeUInt16BE(22, 18); // s390x
  return head;
}
