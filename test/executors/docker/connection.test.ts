import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { makeCertificates } from "../../../scripts/lib/services/certificates.ts";
import { guard } from "../../support/guard.ts";
import { Door } from "./support/door.ts";
import { DockerKit, endpoint, skip } from "./support/docker.ts";

const counting = JSON.stringify(["sh", "-c", "i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); sleep 0.1; done"]);
const counted = Array.from({ length: 30 }, (_, index) => `${index}\n`).join("");

describe("the way to an engine", { ...guard, skip }, () => {
  test("may be cut again and again, and no output is lost or repeated", async () => {
    await using door = await Door.open(endpoint("host"));
    await using kit = new DockerKit();
    const started = kit.start({ command: counting, endpoint: `tcp://${door.address}` });
    for (const line of ["3\n", "9\n", "15\n"]) {
      await started.waitForOutput(line);
      door.cut();
    }
    const { report, stdout } = await started.finished;
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(stdout.toString(), counted);
  });

  test("may be TLS, with certificates on both sides", async () => {
    const directory = await mkdtemp(join(tmpdir(), "tls-"));
    try {
      const files = await makeCertificates(directory, "client");
      const [ca, cert, key] = await Promise.all(
        [files.ca, files.serverCertificate, files.serverKey].map((file) => readFile(file)),
      );
      await using door = await Door.open(endpoint("host"), {
        ca: ca!,
        cert: cert!,
        key: key!,
        requestCert: true,
        rejectUnauthorized: true,
      });
      await using kit = new DockerKit();
      const identity = { tls_certificate: files.clientCertificate, tls_certificate_key: files.clientKey };
      const config = { command: "echo hello", endpoint: `https://${door.address}` };
      const good = await kit.run({ ...config, ...identity, tls_ca: files.ca });
      assert.equal(good.stdout.toString(), "hello\n", good.report.message);
      const stranger = await kit.run({ ...config, ...identity });
      assert.equal(stranger.report.code, "ENGINE_TLS_FAILED", stranger.report.message);
      assert.equal(stranger.report.effect, "NONE");
      const nameless = await kit.run({ ...config, tls_ca: files.ca });
      assert.equal(nameless.report.outcome, "FAILED");
      assert.equal(nameless.report.effect, "NONE");
      const unreadable = await kit.run({ ...config, ...identity, tls_ca: "/nowhere/ca.pem" });
      assert.equal(unreadable.report.violations?.[0]?.field, "tls_ca");
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
