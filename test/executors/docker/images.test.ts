import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { guard } from "../../support/guard.ts";
import { DockerKit, endpoint, skip } from "./support/docker.ts";

describe("an image", { ...guard, skip, concurrency: 1 }, () => {
  let directory = "";
  let image = "";
  const login = () => ({ username: endpoint("username"), password: endpoint("password") });
  const job = (config: Record<string, string>) => ({ image, command: "echo pulled", pull: "missing", ...config });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "images-"));
    image = endpoint("private");
  });
  after(() => rm(directory, { recursive: true, force: true }));
  beforeEach(async () => {
    await using kit = new DockerKit();
    await kit.docker("rmi", "--force", image).catch(() => undefined);
  });

  test("that the engine does not have is pulled, with the login in the config", async () => {
    await using kit = new DockerKit();
    const { report, stdout, events } = await kit.run(job({ registry_auth: JSON.stringify(login()) }));
    assert.equal(stdout.toString(), "pulled\n", report.message);
    assert.ok(Number(report.evidence?.["pullMs"]) > 0);
    assert.ok(events.some((event) => event.type === "progress" && event.message === `pulling ${image}`));
    const again = await kit.run(job({}));
    assert.equal(again.report.evidence?.["pullMs"], undefined, "it is there now");
  });

  test("is pulled each time when the job says so", async () => {
    await using kit = new DockerKit();
    const config = job({ pull: "always", registry_auth: JSON.stringify(login()) });
    assert.equal((await kit.run(config)).report.outcome, "SUCCEEDED");
    assert.ok(Number((await kit.run(config)).report.evidence?.["pullMs"]) > 0);
  });

  test("can be pinned by digest", async () => {
    await using kit = new DockerKit({ policy: { digest_only: true } });
    await kit.run(job({ registry_auth: JSON.stringify(login()) }));
    const unpinned = await kit.run(job({}));
    assert.equal(unpinned.report.violations?.[0]?.field, "image");
    await using free = new DockerKit();
    await free.run(job({ registry_auth: JSON.stringify(login()) }));
    const digest = await kit.docker("inspect", "--format", "{{index .RepoDigests 0}}", image);
    await kit.docker("rmi", "--force", image);
    const pinned = await kit.run(job({ image: digest, registry_auth: JSON.stringify(login()) }));
    assert.equal(pinned.stdout.toString(), "pulled\n");
    const wrong = `${digest.split("@")[0]}@sha256:${"0".repeat(64)}`;
    const missing = await kit.run(job({ image: wrong, registry_auth: JSON.stringify(login()) }));
    assert.equal(missing.report.code, "IMAGE_NOT_FOUND");
    await kit.docker("rmi", "--force", digest);
  });

  test("is pulled with the login that docker login has written, or that a credential helper gives", async () => {
    await using kit = new DockerKit();
    const { username, password } = login();
    const auth = Buffer.from(`${username}:${password}`).toString("base64");
    const file = join(directory, "config.json");
    await writeFile(file, JSON.stringify({ auths: { [endpoint("registry")]: { auth } } }));
    assert.equal((await kit.run(job({ registry_config: file }))).report.outcome, "SUCCEEDED");
    await kit.docker("rmi", "--force", image);

    const helper = join(directory, "docker-credential-test");
    const answer = JSON.stringify({ Username: username, Secret: password });
    await writeFile(helper, `#!/bin/sh\nread server\n[ "$server" = "${endpoint("registry")}" ] && echo '${answer}'\n`);
    await chmod(helper, 0o755);
    await writeFile(file, JSON.stringify({ credHelpers: { [endpoint("registry")]: "test" } }));
    const path = process.env["PATH"];
    process.env["PATH"] = `${directory}:${path}`;
    try {
      assert.equal((await kit.run(job({ registry_config: file }))).report.outcome, "SUCCEEDED");
    } finally {
      process.env["PATH"] = path;
    }
  });

  test("is not to be had with a wrong login, or without one", async () => {
    await using kit = new DockerKit();
    const wrong = await kit.run(job({ registry_auth: JSON.stringify({ ...login(), password: "open-says-me" }) }));
    assert.equal(wrong.report.code, "REGISTRY_DENIED");
    assert.equal(wrong.report.retryability, "PERMANENT");
    assert.equal(wrong.report.effect, "NONE");
    assert.ok(!JSON.stringify(wrong).includes("open-says-me"), "the password is in no result, event or log");
    assert.equal((await kit.run(job({}))).report.code, "REGISTRY_DENIED");
    const unusable = await kit.run(job({ registry_config: "/nowhere/config.json" }));
    assert.equal(unusable.report.code, "CREDENTIALS_UNUSABLE");
  });

  test("that is nowhere, or must not be pulled, says so", async () => {
    await using kit = new DockerKit();
    const nowhere = await kit.run(
      job({ image: `${endpoint("registry")}/private/nothing:1`, registry_auth: JSON.stringify(login()) }),
    );
    assert.equal(nowhere.report.code, "IMAGE_NOT_FOUND", nowhere.report.message);
    const never = await kit.run(job({ pull: "never" }));
    assert.equal(never.report.code, "IMAGE_NOT_FOUND");
    const gone = await kit.run(job({ image: "127.0.0.1:1/x:1" }));
    assert.equal(gone.report.code, "PULL_FAILED");
    assert.equal(gone.report.retryability, "RETRYABLE");
  });

  test("whose registry does not answer is given up in time, and a stop does not wait for it", async () => {
    await using registry = await silentServer();
    await using kit = new DockerKit();
    const config = job({ image: `${registry.address}/slow:1` });
    const { report } = await kit.run({ ...config, pull_timeout: "300ms" });
    assert.equal(report.outcome, "TIMED_OUT");
    assert.equal(report.code, "PULL_TIMEOUT");
    const started = kit.start(config);
    await started.waitFor((event) => event.type === "progress");
    started.cancel();
    const stopped = await started.finished;
    assert.equal(stopped.report.outcome, "CANCELLED");
    assert.equal(stopped.report.effect, "NONE");
  });
});

/** It takes connections and says nothing. */
async function silentServer(): Promise<AsyncDisposable & { readonly address: string }> {
  const server: Server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
