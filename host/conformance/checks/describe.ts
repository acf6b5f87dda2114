import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { status } from "@grpc/grpc-js";
import { errorText, valueOf, type Answer } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { describe, sample } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { misfit, propertiesOf } from "../schema.ts";
import { failed, must, passed, warned, type Verdict } from "../verdict.ts";
import { expectWithin } from "../waiting.ts";

/** What the executor says of itself. */
export const describeGroup: CheckGroup = {
  id: "describe",
  title: "Describe",
  checks: [
    {
      id: "describe.answers",
      title: "Can be launched as a host does it, and describes itself, always in the same words",
      why: "It is the first thing a host asks; without an answer the executor is not used.",
      needs: ["native"],
      async run(kit) {
        const { response: first } = await describe(kit);
        const session = await kit.native();
        const again = valueOf("the second Describe", await session.describe());
        return isDeepStrictEqual(again, first) ? passed : failed("the second answer differs from the first");
      },
    },
    {
      id: "describe.name",
      title: "Has a name that fits its file",
      why: "Hosts find executors by the name of their file: dkron-executor-NAME.",
      needs: ["native"],
      async run(kit) {
        const { name } = (await describe(kit)).response;
        must(
          /^[a-z0-9][a-z0-9_-]*$/.test(name),
          `the name is ${JSON.stringify(name)}`,
          "lower-case letters, digits, `_` and `-`",
        );
        const file = basename(kit.path);
        if (file.replace(/\.exe$/, "") === `${prefix}${name}`) return passed;
        const reason = `the name is ${name}, the file ${file}`;
        const hint = `call the file ${prefix}${name}`;
        return file.startsWith(prefix) ? failed(reason, hint) : warned(reason, hint);
      },
    },
    {
      id: "describe.version",
      title: "Has a version in semver, and a summary of one line",
      why: "People see both, and hosts write the version into every result.",
      needs: ["native"],
      async run(kit) {
        const { version, summary } = (await describe(kit)).response;
        must(semver.test(version), `the version is ${JSON.stringify(version)}`, "three numbers, such as 1.0.0");
        must(
          summary.trim() !== "" && !summary.includes("\n"),
          `the summary is ${JSON.stringify(summary)}`,
          "one sentence",
        );
        return passed;
      },
    },
    {
      id: "describe.schema",
      title: "Publishes a JSON Schema of draft 2020-12: an object that says which other keys it takes",
      why: "Hosts check configs with it before they start anything.",
      needs: ["native"],
      run: (kit) => judgeSchema(kit),
    },
    {
      id: "describe.keys",
      title: "Describes every key",
      why: "The description is the documentation, and the hint beside an error.",
      needs: ["native", "schema"],
      async run(kit) {
        const { schema } = await describe(kit);
        const silent = [...propertiesOf(schema)].filter(
          ([, { description }]) => typeof description !== "string" || description.trim() === "",
        );
        if (silent.length === 0) return passed;
        return failed(`without a description: ${silent.map(([path]) => path).join(", ")}`, "say what each is for");
      },
    },
    {
      id: "describe.examples",
      title: "Gives defaults and examples that are valid themselves",
      why: "People copy them.",
      needs: ["native", "schema"],
      async run(kit) {
        const { schema } = await describe(kit);
        for (const [key, property] of Object.entries(schema.properties ?? {})) {
          const text = await misfit(property);
          if (text !== undefined) return failed(`${key}: ${JSON.stringify(text)} is not valid by its own schema`);
        }
        return passed;
      },
    },
    {
      id: "describe.secrets",
      title: "Marks secrets as writeOnly",
      why: "Hosts show and store every other value.",
      needs: ["native", "schema"],
      async run(kit) {
        const { schema } = await describe(kit);
        const open = [...propertiesOf(schema)].filter(
          ([path, { writeOnly }]) => secretName.test(path) && writeOnly !== true,
        );
        if (open.length === 0) return passed;
        return warned(
          `named like secrets, but not marked: ${open.map(([path]) => path).join(", ")}`,
          "writeOnly: true",
        );
      },
    },
    {
      id: "describe.capabilities",
      title: "Serves what it says it can, and answers UNIMPLEMENTED to the rest",
      why: "Hosts ask only for what is offered, and trust it.",
      needs: ["native"],
      run: (kit) => judgeCapabilities(kit),
    },
  ],
};

const prefix = "dkron-executor-";
const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const secretName = /(pass(word|wd|phrase)|secret|token|api_?key|private_?key|credentials?)$/i;
const draft = "https://json-schema.org/draft/2020-12/schema";

async function judgeSchema(kit: Kit): Promise<Verdict> {
  const { schema, schemaProblem } = await describe(kit);
  must(schemaProblem === "", `config_schema is no JSON Schema of draft 2020-12: ${schemaProblem}`);
  must(schema.$schema === undefined || schema.$schema === draft, `$schema is ${JSON.stringify(schema.$schema)}`, draft);
  must(schema.type === "object", `type is ${JSON.stringify(schema.type)}`, 'type: "object"');
  const hint = "additionalProperties: false, so that a mistyped key is an error";
  must(schema.additionalProperties !== undefined, "additionalProperties is not stated", hint);
  const lost = (schema.required ?? []).filter((key) => schema.properties?.[key] === undefined);
  must(lost.length === 0, `required, but no property: ${lost.join(", ")}`);
  return passed;
}

async function judgeCapabilities(kit: Kit): Promise<Verdict> {
  const { capabilities } = (await describe(kit)).response;
  must(capabilities !== undefined, "Describe has no capabilities", "say what is offered, also when it is nothing");
  const session = await kit.native();
  const found = await sample(kit);
  const stranger = "conformance-nobody";
  const attach = session.attach(stranger, 1);
  const attached = (await expectWithin("the end of Attach", attach.ended, kit.timeouts.stepMs)).end;
  const answers: Record<"cancel" | "probe" | "attach" | "setDeadline", Answer<unknown>> = {
    cancel: await session.cancel(stranger, 0),
    probe: await session.probe("config" in found ? found.config : {}),
    setDeadline: await session.setDeadline(stranger, 1, undefined),
    attach: attached.code === status.OK ? { ok: true, value: undefined } : { ok: false, ...attached },
  };
  for (const [name, answer] of Object.entries(answers)) {
    const isOffered = capabilities[name as keyof typeof answers];
    const isServed = answer.ok || answer.code !== status.UNIMPLEMENTED;
    const said = answer.ok ? "OK" : errorText(answer);
    must(isOffered || !isServed, `${name} is not offered, but answers ${said}`, "UNIMPLEMENTED, or offer it");
    must(!isOffered || isServed, `${name} is offered, but answers ${said}`, "serve it, or do not offer it");
  }
  return passed;
}
