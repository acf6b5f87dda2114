import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isHostError, type ErrorCode } from "@executor-host/proto/shared/error";
import { createIdentity } from "../tls/identity.ts";
import { formatHandshake, parseHandshake } from "./handshake.ts";

const { certificateDer } = createIdentity("P-256");
const base64 = certificateDer.toString("base64");
const unpadded = base64.replaceAll("=", "");
const socket = { network: "unix", path: "/run/p/plugin1" } as const;

describe("parseHandshake() accepts what a Go host accepts:", () => {
  const rows: Record<string, { line: string; expected: object }> = {
    "six fields without a certificate": {
      line: "1|2|unix|/run/p/plugin1|grpc|",
      expected: { appVersion: 2, address: socket, protocol: "grpc" },
    },
    "five fields, as plugins in other languages print": {
      line: "1|2|tcp|127.0.0.1:1234|grpc",
      expected: { appVersion: 2, address: { network: "tcp", host: "127.0.0.1", port: 1234 }, protocol: "grpc" },
    },
    "four fields, which mean netrpc": {
      line: "1|1|unix|/run/p/plugin1",
      expected: { appVersion: 1, address: socket, protocol: "netrpc" },
    },
    "a seventh field, as it stands": {
      line: "1|1|unix|/run/p/plugin1|grpc||true",
      expected: { appVersion: 1, address: socket, protocol: "grpc", multiplex: "true" },
    },
    "more fields than there are": {
      line: "1|1|unix|/run/p/plugin1|grpc||maybe|x|y",
      expected: { appVersion: 1, address: socket, protocol: "grpc", multiplex: "maybe" },
    },
    "white space around the line": {
      line: " \t\u00a0\u00851|1|unix|/run/p/plugin1|grpc|\r",
      expected: { appVersion: 1, address: socket, protocol: "grpc" },
    },
    "signs and leading zeros": {
      line: "+1|007|unix|/run/p/plugin1|grpc",
      expected: { appVersion: 7, address: socket, protocol: "grpc" },
    },
    "version 0": {
      line: "1|0|unix|/run/p/plugin1|grpc",
      expected: { appVersion: 0, address: socket, protocol: "grpc" },
    },
    "a port without a host, which means this machine": {
      line: "1|1|tcp|:1234|grpc",
      expected: { appVersion: 1, address: { network: "tcp", host: "127.0.0.1", port: 1234 }, protocol: "grpc" },
    },
    "an IPv6 address in brackets": {
      line: "1|1|tcp|[::1]:1234|grpc",
      expected: { appVersion: 1, address: { network: "tcp", host: "::1", port: 1234 }, protocol: "grpc" },
    },
    "a sixth field too short for a certificate, which counts as none": {
      line: `1|1|unix|/run/p/plugin1|grpc|${"=".repeat(50)}`,
      expected: { appVersion: 1, address: socket, protocol: "grpc" },
    },
  };
  for (const [name, { line, expected }] of Object.entries(rows)) {
    it(name, () =>
      assert.deepEqual(parseHandshake(line), { certificate: undefined, multiplex: undefined, ...expected }),
    );
  }

  it("an unpadded certificate", () => {
    const { certificate } = parseHandshake(`1|1|unix|/run/p/plugin1|grpc|${unpadded}`);
    assert.deepEqual(certificate?.raw, certificateDer);
  });

  it("a certificate with line breaks inside", () => {
    const broken = `${unpadded.slice(0, 64)}\r${unpadded.slice(64)}`;
    assert.deepEqual(parseHandshake(`1|1|unix|/s|grpc|${broken}`).certificate?.raw, certificateDer);
  });
});

describe("parseHandshake() refuses", () => {
  const rows: Record<string, [line: string, code: ErrorCode, message: RegExp]> = {
    "an empty line": ["", "HANDSHAKE_MALFORMED", /1 fields of at least 4/],
    "a line of something else": ["Listening on port 80", "HANDSHAKE_MALFORMED", /no handshake line/],
    "three fields": ["1|1|unix", "HANDSHAKE_MALFORMED", /3 fields/],
    "a core version that is no number": ["x|1|unix|/s|grpc", "HANDSHAKE_MALFORMED", /core protocol version.*"x"/],
    "white space inside a field": ["1 | 1 | unix | /s | grpc", "HANDSHAKE_MALFORMED", /core protocol version.*"1 "/],
    "another core version": ["2|1|unix|/s|grpc", "CORE_VERSION_MISMATCH", /core protocol version 2/],
    "an application version that is no number": [
      "1|5x|unix|/s|grpc",
      "HANDSHAKE_MALFORMED",
      /application protocol.*"5x"/,
    ],
    "an empty application version": ["1||unix|/s|grpc", "HANDSHAKE_MALFORMED", /application protocol.*""/],
    "an unknown network": ["1|1|UNIX|/s|grpc", "ADDRESS_INVALID", /unknown network: "UNIX".*"\/s"/],
    "an empty socket path": ["1|1|unix||grpc", "ADDRESS_INVALID", /path is empty/],
    "a socket path that no system takes": [`1|1|unix|/${"x".repeat(120)}|grpc`, "ADDRESS_INVALID", /121 bytes/],
    "a tcp address without a port": ["1|1|tcp|127.0.0.1|grpc", "ADDRESS_INVALID", /bad tcp address: "127.0.0.1"/],
    "a tcp address with too many colons": ["1|1|tcp|::1:80|grpc", "ADDRESS_INVALID", /bad tcp address/],
    "a port beyond the last": ["1|1|tcp|127.0.0.1:65536|grpc", "ADDRESS_INVALID", /bad tcp address/],
    "an unknown protocol": ["1|1|unix|/s|GRPC|", "PROTOCOL_UNSUPPORTED", /"GRPC"/],
    "a padded certificate": [`1|1|unix|/s|grpc|${unpadded}=`, "CERTIFICATE_INVALID", /not unpadded base64/],
    "base64 of another alphabet": [`1|1|unix|/s|grpc|${"-_".repeat(50)}`, "CERTIFICATE_INVALID", /not unpadded base64/],
    "a certificate that is none": [`1|1|unix|/s|grpc|${"A".repeat(100)}`, "CERTIFICATE_INVALID", /no X.509/],
    "two certificates": [
      `1|1|unix|/s|grpc|${Buffer.concat([certificateDer, certificateDer]).toString("base64").replaceAll("=", "")}`,
      "CERTIFICATE_INVALID",
      /not one certificate/,
    ],
    "a certificate as PEM": [
      `1|1|unix|/s|grpc|${Buffer.from(createIdentity("P-256").certificatePem).toString("base64").replaceAll("=", "")}`,
      "CERTIFICATE_INVALID",
      /not one certificate/,
    ],
  };
  for (const [name, [line, code, message]] of Object.entries(rows)) {
    it(name, () => {
      assert.throws(
        () => parseHandshake(line),
        (error) => isHostError(error) && error.code === code && message.test(error.message),
      );
    });
  }
});

describe("formatHandshake()", () => {
  it("prints six fields, the last empty, without TLS", () => {
    const line = formatHandshake({ appVersion: 2, address: socket, certificate: undefined, multiplex: undefined });
    assert.equal(line, "1|2|unix|/run/p/plugin1|grpc|\n");
  });

  it("prints a seventh field only when the host asks for multiplexing", () => {
    const address = { network: "tcp", host: "127.0.0.1", port: 1234 } as const;
    for (const multiplex of [false, true]) {
      const line = formatHandshake({ appVersion: 0, address, certificate: undefined, multiplex });
      assert.equal(line, `1|0|tcp|127.0.0.1:1234|grpc||${multiplex}\n`);
    }
  });

  it("never pads a certificate, whatever its length", () => {
    for (const length of [300, 301, 302]) {
      const certificate = Buffer.alloc(length);
      const line = formatHandshake({ appVersion: 1, address: socket, certificate, multiplex: undefined });
      assert.doesNotMatch(line, /=/);
    }
  });

  it("is read back by parseHandshake()", () => {
    const line = formatHandshake({ appVersion: 3, address: socket, certificate: certificateDer, multiplex: true });
    const { certificate, ...rest } = parseHandshake(line);
    assert.deepEqual(rest, { appVersion: 3, address: socket, protocol: "grpc", multiplex: "true" });
    assert.deepEqual(certificate?.raw, certificateDer);
  });

  it("refuses an address that would break the line", () => {
    const address = { network: "unix", path: "/run/a|b" } as const;
    assert.throws(
      () => formatHandshake({ appVersion: 1, address, certificate: undefined, multiplex: undefined }),
      (error) => isHostError(error) && error.code === "ADDRESS_INVALID",
    );
  });
});
