import assert from "node:assert/strict";
import { test } from "node:test";

import { parseChallenges } from "./challenges.ts";
import { digestAuthorization, digestChallenge, type DigestRequest } from "./digest.ts";

interface Vector {
  readonly what: string;
  readonly challenge: string;
  readonly request: DigestRequest;
  readonly response: string;
  readonly username?: string;
}

const mufasa: DigestRequest = {
  method: "GET",
  uri: "/dir/index.html",
  username: "Mufasa",
  password: "Circle of Life",
  count: 1,
  cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
};

const rfc7616 =
  'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';

const vectors: Vector[] = [
  {
    what: "RFC 2617, section 3.5",
    challenge:
      'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    request: { ...mufasa, password: "Circle Of Life", cnonce: "0a4f113b" },
    response: "6629fae49393a05397450978507c4ef1",
  },
  {
    what: "RFC 7616, section 3.9.1, MD5",
    challenge: `Digest ${rfc7616}, algorithm=MD5`,
    request: mufasa,
    response: "8ca523f5e9506fed4657c9700eebdbec",
  },
  {
    what: "RFC 7616, section 3.9.1, SHA-256",
    challenge: `Digest ${rfc7616}, algorithm=SHA-256`,
    request: mufasa,
    response: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
  },
  {
    // The values of erratum 4897: the RFC's own were made with a cut-off SHA-512.
    what: "RFC 7616, section 3.9.2, SHA-512-256 and userhash",
    challenge:
      'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true',
    request: {
      method: "GET",
      uri: "/doe.json",
      username: "Jäsøn Doe",
      password: "Secret, or not?",
      count: 1,
      cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    },
    response: "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
    username: "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
  },
  {
    what: "RFC 2069, section 2.4, as corrected by its erratum",
    challenge: 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
    request: { ...mufasa, password: "CircleOfLife" },
    response: "1949323746fe6a43ef61f9606e7febea",
  },
];

for (const { what, challenge, request, response, username } of vectors) {
  test(`digest authentication agrees with ${what}`, () => {
    const demand = digestChallenge(parseChallenges([challenge]));
    assert.ok(demand);
    const header = digestAuthorization(demand, request);
    assert.ok(header.includes(`response="${response}"`), header);
    assert.ok(header.startsWith(`Digest username="${username ?? request.username}"`), header);
  });
}

test("digest authentication takes the strongest demand that it can meet", () => {
  const demands = parseChallenges([
    'Digest realm="r", nonce="1", algorithm=MD5, qop="auth"',
    'Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"',
    'Digest realm="r", nonce="3", algorithm=SHA-1024, qop="auth"',
    'Digest realm="r", nonce="4", algorithm=SHA-512-256, qop="auth-int"',
  ]);
  assert.equal(digestChallenge(demands)?.nonce, "2");
  assert.equal(digestChallenge(parseChallenges(['Basic realm="r"'])), undefined);
});

test("digest authentication ties a session key to its nonces", () => {
  const demand = digestChallenge(parseChallenges(['Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"']));
  assert.ok(demand?.session);
  assert.match(digestAuthorization(demand, mufasa), /algorithm=MD5-sess/);
});

test("digest authentication counts requests in hexadecimal and escapes quotes", () => {
  const demand = digestChallenge(parseChallenges(['Digest realm="r", nonce="n", qop="auth"']));
  assert.ok(demand);
  const header = digestAuthorization(demand, { ...mufasa, username: 'a"b\\c', count: 27 });
  assert.match(header, /nc=0000001b/);
  assert.ok(header.includes('username="a\\"b\\\\c"'));
});
