import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import type { CheckGroup } from "../check.ts";
import { boot, failedIfNative, foreignVersion, usualLine, type Boot } from "../facts.ts";
import { certificateProblem, isGoBoolean } from "../handshake-line.ts";
import type { Kit } from "../kit.ts";
import { failed, must, passed, warned, type Verdict } from "../verdict.ts";
import { settlesWithin } from "../waiting.ts";

const { dkron, native } = appVersions;

/** From the start of the process to the handshake line. */
export const startGroup: CheckGroup = {
  id: "start",
  title: "Start",
  checks: [
    {
      id: "start.cookie",
      title: "Refuses to run by hand, with a word to whoever tried",
      why: "A program that waits in silence for a host that never comes looks broken.",
      needs: [],
      async run(kit) {
        await refusesToRun(kit, "none");
        await refusesToRun(kit, "wrong");
        return passed;
      },
    },
    {
      id: "start.line",
      title: "Prints a handshake line, and nothing before it",
      why: "Hosts read the first line of stdout, and some take it more literally than others.",
      needs: [],
      blocks: ["native", "dkron"],
      async run(kit) {
        for (const name of ["both versions", "both versions, without TLS"] as const) {
          const started = await boot(kit, name);
          if (typeof started.line === "string") return noLine(started, started.line);
        }
        return passed;
      },
    },
    {
      id: "start.certificate",
      title: "Sends its certificate as unpadded base64 when it was given one",
      why: "Go refuses padding. Certificates vary in length, so a padded one fails only now and then.",
      needs: [],
      blocks: ["native"],
      async run(kit) {
        await usualLine(kit, "both versions");
        for (const name of ["both versions", "Dkron's version", "the native version"] as const) {
          const { line } = await boot(kit, name);
          if (typeof line === "string") continue; // start.versions tells
          const problem = certificateProblem(line.certificate);
          if (problem !== undefined) {
            return failed(`certificate (field 6 of the line): ${problem}`, "DER, standard base64, without `=`");
          }
        }
        return passed;
      },
    },
    {
      id: "start.fields",
      title: "Says something about multiplexing only when asked, and about TLS only with TLS",
      why: "Hosts before go-plugin 1.6 take a seventh field for part of the certificate.",
      needs: [],
      async run(kit) {
        const plain = await usualLine(kit, "both versions, without TLS");
        must(plain.more.length === 0, "the line has a seventh field, which nobody asked for");
        const hint = "leave field 6 empty";
        must(plain.certificate === "", "the line has a certificate, though the host gave none", hint);
        const { line } = await boot(kit, "both versions, with multiplexing");
        if (typeof line === "string")
          return failed(`asked for multiplexing (PLUGIN_MULTIPLEX_GRPC), the line is unusable: ${line}`);
        const [multiplex = "false"] = line.more;
        if (isGoBoolean(multiplex)) return passed;
        return failed(
          `field 7 is no boolean: ${JSON.stringify(multiplex)}`,
          "true if the broker is multiplexed, else false",
        );
      },
    },
    {
      id: "start.versions",
      title: "Agrees on the highest version that both sides speak",
      why: "A host that speaks both contracts gets the poorer one otherwise, and one that speaks neither gets no clear answer.",
      needs: [],
      run: (kit) => judgeVersions(kit),
    },
    {
      id: "start.socket",
      title: "Listens in the directory it was given, and leaves that private",
      why: "Elsewhere other users may reach the socket, and nobody removes it.",
      needs: [],
      async run(kit) {
        const { address } = await usualLine(kit, "both versions");
        const { socketDirectory } = (await boot(kit, "both versions")).specimen;
        if (address.network === "tcp") return judgeTcp(address.host);
        if (dirname(address.path) !== socketDirectory) {
          const hint = "make it in PLUGIN_UNIX_SOCKET_DIR; go-plugin does from 1.5.0 on";
          return failedIfNative(kit, `the socket is at ${address.path}`, hint);
        }
        const { mode } = await stat(socketDirectory);
        must((mode & 0o077) === 0, `the directory's mode is ${(mode & 0o777).toString(8)} now`, "leave it at 700");
        return passed;
      },
    },
  ],
};

async function refusesToRun(kit: Kit, cookie: "none" | "wrong"): Promise<void> {
  const how = cookie === "none" ? "without a magic cookie" : "with a wrong magic cookie";
  await using specimen = await kit.start({ offers: [dkron, native], tls: false, cookie });
  const hint = "print a few words to stderr, nothing to stdout, and exit with code 1";
  must(await settlesWithin(specimen.exited, kit.timeouts.stepMs), `started ${how}, it does not end`, hint);
  const { code, signal } = await specimen.exited;
  await specimen.greeting(kit.timeouts.settleMs);
  must(code === 1, `started ${how}, it ended with ${signal ?? `code ${code}`}`, hint);
  must(specimen.stdout === "", `started ${how}, it printed to stdout: ${JSON.stringify(specimen.stdout)}`, hint);
  must(specimen.stderr.trim() !== "", `started ${how}, it said nothing on stderr`, hint);
  must(!looksLikeCrash(specimen.stderr), `started ${how}, it printed a stack trace`, hint);
}

function judgeTcp(host: string): Verdict {
  const hint = "listen on a unix socket";
  const isLocal = /^(127\..*|localhost|::1)$/.test(host);
  if (!isLocal) return failed(`listens on ${host}: other machines may reach it`, hint);
  return warned("listens on TCP, where every user of this machine can knock", hint);
}

function looksLikeCrash(text: string): boolean {
  return /^\s+at .+:\d+|^Traceback |^goroutine \d+|panicked at |^\s+File ".+", line \d+/m.test(text);
}

function noLine({ specimen, exit }: Boot, problem: string): Verdict {
  const words = specimen.stderr.trim().split("\n").slice(-lastWords).join(" | ");
  const ending = exit === undefined ? "" : `; it ended with ${exit.signal ?? `code ${exit.code}`}`;
  const told = words === "" ? "" : `; stderr: ${words}`;
  return failed(`handshake line: ${problem}${ending}${told}`, "1|VERSION|unix|PATH|grpc|CERTIFICATE and a line feed");
}

const lastWords = 3;

async function judgeVersions(kit: Kit): Promise<Verdict> {
  const chosen = (await usualLine(kit, "both versions")).appVersion;
  const alone = { [dkron]: await boot(kit, "Dkron's version"), [native]: await boot(kit, "the native version") };
  const spoken: number[] = [];
  for (const [version, { line }] of Object.entries(alone)) {
    if (typeof line === "string")
      return failed(`offered version ${version} alone: ${line}`, "answer even if it does not fit");
    if (line.appVersion === Number(version)) spoken.push(line.appVersion);
  }
  const highest = spoken.at(-1);
  must(highest !== undefined, `speaks neither version ${dkron} (Dkron) nor ${native} (native)`);
  must(
    chosen === highest,
    `offered ${dkron},${native}, it chose ${chosen}, though it speaks ${highest}`,
    "the highest in common",
  );
  return judgeRefusal(await boot(kit, "a version nobody speaks"), spoken);
}

function judgeRefusal({ line, exit, specimen }: Boot, spoken: readonly number[]): Verdict {
  const what = `offered version ${foreignVersion} alone`;
  if (typeof line !== "string") {
    if (spoken.includes(line.appVersion)) return passed;
    return failed(`${what}, it claims to speak ${line.appVersion}`, "answer with its lowest");
  }
  const isPolite = exit !== undefined && exit.code !== 0 && specimen.stderr.trim() !== "";
  const hint = "answer with its lowest version, or say on stderr what does not fit and exit with code 1";
  return isPolite ? passed : failed(`${what}: ${line}`, hint);
}
