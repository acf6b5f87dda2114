import { resolve } from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import { HostError } from "@executor-host/proto/shared/error";
import { didYouMean } from "@executor-host/proto/shared/nearest";
import { findLanguage, languages, languageWords, type Language } from "../../scaffold/languages.ts";
import { assertExecutorName, writeProject } from "../../scaffold/project.ts";
import { loadTemplates } from "../../scaffold/templates.ts";
import type { CliContext } from "../context.ts";
import { addExamples, addJsonOption } from "../options.ts";
import { count, quoted } from "../text.ts";

interface Options {
  readonly lang: Language;
  readonly dir?: string;
  readonly json?: boolean;
}

const names = languages.map(({ name }) => name);

const notes = `
The project is a working executor that prints the digests of files, for you to
change. It builds with ./build, and ./check tries whether it keeps the contract.`;

export function define(command: Command, context: CliContext): void {
  command.argument("<name>", "The executor's name, as jobs will write it");
  command.addOption(
    new Option(`--lang <${names.join("|")}>`, "Language to write it in").argParser(parseLanguage).makeOptionMandatory(),
  );
  command.option("--dir <directory>", "Where to put it; must be new or empty (default: NAME, here)");
  addJsonOption(command, "Print what was written as one JSON object");
  addExamples(command, [
    ["new resize-image --lang go", "A project in ./resize-image"],
    ["new resize-image --lang python --dir ~/src/resizer", "Somewhere else"],
  ]);
  command.addHelpText("after", notes);
  command.action(async (name: string, { lang, dir, json }: Options) => {
    assertExecutorName(name);
    const directory = resolve(dir ?? name);
    const { [lang.name]: template } = await loadTemplates(context.installDir);
    if (template === undefined) {
      throw new HostError("NOT_SUPPORTED", `this installation has no template in ${lang.title}`);
    }
    const files = await writeProject(template, name, directory);
    if (json === true) return context.stdout.json({ name, language: lang.name, directory, files });
    await context.stdout.line(success(name, lang, dir ?? name, files.length));
  });
}

function parseLanguage(word: string): Language {
  const found = findLanguage(word);
  if (found !== undefined) return found;
  const suggestion = didYouMean(word, languageWords) || `write one of ${names.join(", ")}`;
  throw new InvalidArgumentError(`${suggestion[0]?.toUpperCase()}${suggestion.slice(1)}`);
}

function success(name: string, lang: Language, directory: string, files: number): string {
  const steps = [
    [`cd ${quoted(directory)}`, ""],
    ["./build", `needs ${lang.needs}`],
    ["./check", "tries whether it keeps the contract, with executor-host from PATH"],
    [`executor-host run ${name} path=/etc/hostname --plugins-dir dist`, ""],
  ] as const;
  const lines = steps.map(([words, remark]) => (remark === "" ? `  ${words}` : `  ${words.padEnd(10)} # ${remark}`));
  return [
    `${directory}: an executor in ${lang.title}, ${count(files, "file")}`,
    ...lines,
    `Change ${lang.startWith} first; README.md says what is where.`,
  ].join("\n");
}
