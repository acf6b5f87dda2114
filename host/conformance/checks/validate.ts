import type { Violation } from "@executor-host/proto/executor";
import type { CheckGroup } from "../check.ts";
import { base, isAbout, secretConfig, secretText } from "../configs.ts";
import { describe } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { isClosed, takesAnyText, wrongText } from "../schema.ts";
import { limits } from "../timeouts.ts";
import { failed, passed, skipped, VerdictError, type Verdict } from "../verdict.ts";

/** Configs, judged without running them. */
export const validateGroup: CheckGroup = {
  id: "validate",
  title: "Validate",
  checks: [
    {
      id: "validate.sample",
      title: "Finds nothing wrong with a right config",
      why: "Jobs that would run are refused otherwise.",
      needs: ["native", "config"],
      async run(kit) {
        const [violation] = await validate(kit, {});
        return violation === undefined ? passed : failed(`${violation.field}: ${violation.message}`, violation.hint);
      },
    },
    {
      id: "validate.unknown-key",
      title: "Refuses an unknown key, by name",
      why: "A mistyped key that is ignored does something else than was meant.",
      needs: ["native", "schema"],
      async run(kit) {
        await mustBeClosed(kit);
        return refused(await validate(kit, { "no-such-key": "x" }), "no-such-key", "an unknown key");
      },
    },
    {
      id: "validate.unicode",
      title: "Takes any text as it is, and names it as it is",
      why: "Configs hold every language there is.",
      needs: ["native", "schema"],
      async run(kit) {
        await mustBeClosed(kit);
        if (!isRefused(await validate(kit, { "no-such-key": "x" }), "no-such-key"))
          return skipped("see validate.unknown-key");
        const key = "schlüssel-鍵-🗝-\u0001";
        return refused(await validate(kit, { [key]: "\u0000\t\ufeff‮🦀" }), key, "an unknown key of many scripts");
      },
    },
    {
      id: "validate.type",
      title: "Refuses values of the wrong type, by name",
      why: "A number that is none must not become 0 in silence.",
      needs: ["native", "schema"],
      async run(kit) {
        const wrong = (await properties(kit)).flatMap(([key, property]) => {
          const text = wrongText(property);
          return text === undefined ? [] : [[key, text] as const];
        });
        if (wrong.length === 0) return skipped("every key takes any text");
        for (const [key, text] of wrong) {
          const verdict = refused(await validate(kit, { [key]: text }), key, `${key}=${JSON.stringify(text)}`);
          if (verdict.status === "failed") return verdict;
        }
        return passed;
      },
    },
    {
      id: "validate.required",
      title: "Misses required keys, by name",
      why: "The job fails later and less clearly otherwise.",
      needs: ["native", "schema"],
      async run(kit) {
        const { schema } = await describe(kit);
        const required = schema.required ?? [];
        if (required.length === 0) return skipped("no key is required");
        for (const key of required) {
          const verdict = refused(await validate(kit, { [key]: undefined }), key, `a config without ${key}`);
          if (verdict.status === "failed") return verdict;
        }
        return passed;
      },
    },
    {
      id: "validate.empty",
      title: 'Takes an empty string for "not set", where a value is no text',
      why: "Job editors leave such strings behind.",
      needs: ["native", "schema"],
      async run(kit) {
        const { schema } = await describe(kit);
        const typed = (await properties(kit)).filter(
          ([key, { type }]) => typeof type === "string" && type !== "string" && schema.required?.includes(key) !== true,
        );
        if (typed.length === 0) return skipped("every key is text, or required");
        const empty = Object.fromEntries(typed.map(([key]) => [key, ""]));
        const found = (await validate(kit, empty)).find(({ field }) => typed.some(([key]) => isAbout(field, key)));
        return found === undefined ? passed : failed(`${found.field}: "" is refused: ${found.message}`);
      },
    },
    {
      id: "validate.secrets",
      title: "Keeps the values of secrets out of its messages",
      why: "Violations are shown and logged.",
      needs: ["native", "schema"],
      async run(kit) {
        const violations = await validate(kit, { ...(await secretConfig(kit)), "no-such-key": "x" });
        const told = violations.find(({ message, hint }) => `${message} ${hint}`.includes(secretText));
        return told === undefined
          ? passed
          : failed(`${told.field}: its value is in the message`, "leave the value out");
      },
    },
    {
      id: "validate.big",
      title: "Takes a value of 1 MiB",
      why: "Scripts and payloads are part of configs.",
      needs: ["native", "schema"],
      async run(kit) {
        const [key] = (await properties(kit)).find(([, property]) => takesAnyText(property)) ?? ["no-such-key"];
        await validate(kit, { [key]: "x".repeat(limits.bigValueBytes) });
        return passed;
      },
    },
  ],
};

async function properties(kit: Kit) {
  const { schema } = await describe(kit);
  return Object.entries(schema.properties ?? {});
}

/** What Validate says to the sample with changes; undefined takes a key out. */
async function validate(
  kit: Kit,
  changes: Readonly<Record<string, string | undefined>>,
): Promise<readonly Violation[]> {
  const config: Record<string, string> = { ...(await base(kit)) };
  for (const [key, text] of Object.entries(changes)) {
    if (text === undefined) delete config[key];
    else config[key] = text;
  }
  const session = await kit.native();
  return session.violations(config);
}

/** @throws {VerdictError} skipped, where keys that the schema does not name are welcome */
async function mustBeClosed(kit: Kit): Promise<void> {
  if (!isClosed((await describe(kit)).schema)) throw new VerdictError(skipped("the schema takes other keys"));
}

function isRefused(violations: readonly Violation[], key: string): boolean {
  return violations.some(({ field }) => isAbout(field, key));
}

function refused(violations: readonly Violation[], key: string, what: string): Verdict {
  if (isRefused(violations, key)) return passed;
  const named = violations.map(({ field }) => field).join(", ");
  const reason = named === "" ? `${what} is accepted` : `${what} is not named; named were: ${named}`;
  return failed(reason, `a violation with the field ${JSON.stringify(key)}`);
}
