import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import tls from "node:tls";
import { createIdentity, type Curve, type Identity } from "./identity.ts";

const curves: Curve[] = ["P-521", "P-256"];

for (const curve of curves) {
  describe(`A certificate on ${curve}`, () => {
    const identity = createIdentity(curve);
    const certificate = new X509Certificate(identity.certificatePem);

    it("has the fields that Go's has", () => {
      assert.equal(certificate.subject, "O=HashiCorp\nCN=localhost");
      assert.equal(certificate.issuer, certificate.subject);
      assert.equal(certificate.subjectAltName, "DNS:localhost");
      assert.equal(certificate.ca, true);
      assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
      const years = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / (365.25 * 86_400_000);
      assert.equal(Math.round(years), 30);
      assert.ok(certificate.validFromDate.getTime() < Date.now());
      assert.match(certificate.serialNumber, /^[0-9A-F]{2,32}$/);
    });

    it("is signed by itself, with a key on the curve", () => {
      assert.equal(certificate.verify(certificate.publicKey), true);
      assert.equal(certificate.checkIssued(certificate), true);
      const names = { "P-521": "secp521r1", "P-256": "prime256v1" };
      assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, names[curve]);
    });

    it("is the same in PEM and DER", () => assert.deepEqual(certificate.raw, identity.certificateDer));

    it("is read by OpenSSL, key usage included", { skip: !hasOpenssl() && "skipped: openssl not found" }, () => {
      const text = execFileSync("openssl", ["x509", "-noout", "-text"], { input: identity.certificatePem }).toString();
      assert.match(text, /Version: 3/);
      assert.match(text, curve === "P-521" ? /ecdsa-with-SHA512/ : /ecdsa-with-SHA256/);
      assert.match(
        text,
        /Key Usage: critical\s+Digital Signature, Key Encipherment, Key Agreement, Certificate Sign\n/,
      );
      assert.match(text, /Extended Key Usage:\s+TLS Web Client Authentication, TLS Web Server Authentication\n/);
      assert.match(text, /Basic Constraints: critical\s+CA:TRUE\n/);
      assert.match(text, /Subject Key Identifier/);
      const order = ["Key Usage: critical", "Extended Key", "Basic", "Subject Key", "Subject Alternative"];
      const positions = order.map((name) => text.indexOf(name));
      assert.deepEqual(
        positions,
        positions.toSorted((left, right) => left - right),
      );
    });

    it("lets two sides trust each other and nobody else", { timeout: 120_000 }, async () => {
      const client = createIdentity(curve);
      assert.equal(await canConnect(identity, client, { serverTrusts: client, clientTrusts: identity }), true);
      const stranger = createIdentity(curve);
      assert.equal(await canConnect(identity, client, { serverTrusts: stranger, clientTrusts: identity }), false);
      assert.equal(await canConnect(identity, client, { serverTrusts: client, clientTrusts: stranger }), false);
    });
  });
}

describe("createIdentity()", () => {
  it("makes a new key and serial number each time", () => {
    const [first, second] = [createIdentity("P-256"), createIdentity("P-256")].map(
      ({ certificatePem }) => new X509Certificate(certificatePem),
    );
    assert.notEqual(first?.serialNumber, second?.serialNumber);
    assert.notEqual(first?.fingerprint256, second?.fingerprint256);
  });
});

/** A byte must come back, as TLS 1.3 tells a client late that it was refused. */
async function canConnect(
  server: Identity,
  client: Identity,
  trust: { serverTrusts: Identity; clientTrusts: Identity },
): Promise<boolean> {
  const listener = tls.createServer(
    {
      cert: server.certificatePem,
      key: server.privateKeyPem,
      ca: trust.serverTrusts.certificatePem,
      requestCert: true,
    },
    (socket) => socket.end("x"),
  );
  await once(listener.listen(0, "127.0.0.1"), "listening");
  try {
    const socket = tls.connect({
      port: (listener.address() as AddressInfo).port,
      host: "127.0.0.1",
      servername: "localhost",
      cert: client.certificatePem,
      key: client.privateKeyPem,
      ca: trust.clientTrusts.certificatePem,
    });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    socket.once("data", () => resolve(true));
    // A refusal may come as an error, or as a mere end.
    socket.on("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    return await promise;
  } finally {
    listener.close();
  }
}

function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"]);
    return true;
  } catch {
    // Not installed here: Node's own OpenSSL still reads the certificate in the other tests.
    return false;
  }
}
