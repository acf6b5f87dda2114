import { status } from "@grpc/grpc-js";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import { errorText } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { Connection } from "../connection.ts";
import { failedIfNative, plainConnection } from "../facts.ts";
import { readHandshakeLine } from "../handshake-line.ts";
import type { Kit } from "../kit.ts";
import { nameOf } from "../process-table.ts";
import type { Exit, LaunchPlan, Specimen } from "../specimen.ts";
import { failed, must, passed, VerdictError, warned, type Verdict } from "../verdict.ts";
import { eventually, settlesWithin } from "../waiting.ts";

/** How a process of the executor ended. */
interface Ending {
  /** Undefined when it did not end in time. */
  readonly exit: Exit | undefined;
  /** What is still in the socket directory. */
  readonly files: readonly string[];
  /** Why it could not even be asked. */
  readonly refusal: string;
}

/** The end of the process. */
export const endGroup: CheckGroup = {
  id: "end",
  title: "End",
  checks: [
    {
      id: "end.shutdown",
      title: "Ends in time, with code 0, when the controller says Shutdown",
      why: "A host kills what does not end, with everything that was to be saved.",
      needs: [],
      async run(kit) {
        const { exit, refusal } = await afterShutdown(kit);
        must(refusal === "", `plugin.GRPCController/Shutdown failed: ${refusal}`, "serve it");
        must(exit !== undefined, `still there ${kit.timeouts.endMs} ms after Shutdown`);
        return exit.code === 0
          ? passed
          : failed(`ended with ${exit.signal ?? `code ${exit.code}`}`, "exit with code 0");
      },
    },
    {
      id: "end.sigterm",
      title: "Ends on SIGTERM",
      why: "It is the last chance before SIGKILL, and what a container's end looks like.",
      needs: [],
      async run(kit) {
        const { exit } = await afterSigterm(kit);
        return exit === undefined ? failed(`still there ${kit.timeouts.endMs} ms after SIGTERM`) : passed;
      },
    },
    {
      id: "end.sigint",
      title: "Leaves SIGINT to its host",
      why: "Ctrl-C in a terminal reaches the executor too: it must not drop the work before the host has decided.",
      needs: [],
      async run(kit) {
        await using specimen = await startServing(kit);
        specimen.signal("SIGINT");
        if (!(await settlesWithin(specimen.exited, kit.timeouts.settleMs))) return passed;
        return warned("SIGINT ended it", "ignore SIGINT");
      },
    },
    {
      id: "end.host",
      title: "Ends when its host is gone",
      why: "Executors without a host are orphans that nobody finds.",
      needs: ["processes"],
      run: (kit) => judgeHostLoss(kit),
    },
    {
      id: "end.sockets",
      title: "Leaves nothing in the socket directory",
      why: "Sockets that nobody listens on pile up, and confuse whoever looks.",
      needs: [],
      async run(kit) {
        const endings = { Shutdown: await afterShutdown(kit), SIGTERM: await afterSigterm(kit) };
        for (const [cause, { exit, files }] of Object.entries(endings)) {
          if (exit === undefined || files.length === 0) continue; // that it did not end was told
          const reason = `left after ${cause}: ${files.join(", ")}`;
          // go-plugin does not handle SIGTERM, so that its socket stays.
          return cause === "Shutdown"
            ? failed(reason, "unlink the socket")
            : warned(reason, "unlink the socket on SIGTERM too");
        }
        return passed;
      },
    },
  ],
};

function afterShutdown(kit: Kit): Promise<Ending> {
  return endingAfter(kit, "Shutdown", async (specimen) => {
    using connection = await connect(specimen, kit);
    const answer = await connection.shutDown(kit.timeouts.endMs);
    // A Go plugin ends inside the call and never answers.
    return answer.ok || answer.code !== status.UNIMPLEMENTED ? "" : errorText(answer);
  });
}

function afterSigterm(kit: Kit): Promise<Ending> {
  return endingAfter(kit, "SIGTERM", async (specimen) => {
    specimen.signal("SIGTERM");
    return "";
  });
}

function endingAfter(kit: Kit, cause: string, end: (specimen: Specimen) => Promise<string>): Promise<Ending> {
  return kit.once(`end after ${cause}`, async () => {
    await using specimen = await startServing(kit);
    const refusal = await end(specimen);
    const hasEnded = refusal === "" && (await settlesWithin(specimen.exited, kit.timeouts.endMs));
    return { exit: hasEnded ? await specimen.exited : undefined, files: await specimen.socketFiles(), refusal };
  });
}

async function judgeHostLoss(kit: Kit): Promise<Verdict> {
  await using specimen = await startServing(kit, { behindShell: true });
  specimen.loseHost();
  if (await eventually(() => specimen.processes().length === 0, kit.timeouts.endMs)) return passed;
  const reason = `${kit.timeouts.endMs} ms after the end of its host still there: ${specimen.processes().map(nameOf).join(", ")}`;
  const hint = "end when stdin ends if EXECUTOR_HOST_LIFELINE is stdin, or when the parent process changes";
  // go-plugin has no such thing, and Dkron's executors are made with it.
  return failedIfNative(kit, reason, hint);
}

/** A process that serves: a host asks for no end earlier. */
async function startServing(kit: Kit, more: Partial<LaunchPlan> = {}): Promise<Specimen> {
  await plainConnection(kit); // where there is none, there is nothing to wait for
  const specimen = await kit.start({ offers: Object.values(appVersions), tls: false, ...more });
  using connection = await connect(specimen, kit);
  await connection.health(kit.timeouts.stepMs);
  return specimen;
}

async function connect(specimen: Specimen, kit: Kit): Promise<Connection> {
  const { text } = await specimen.greeting(kit.timeouts.stepMs);
  const line = readHandshakeLine(text);
  if (typeof line !== "string") return new Connection(line.address);
  throw new VerdictError(failed(`started once more: ${line}`, "start in the same way every time"));
}
