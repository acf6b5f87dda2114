/** A language that projects can be made in: a folder of `executors/examples` is its template. */
export interface Language {
  readonly name: string;
  /** As people write it. */
  readonly title: string;
  /** Other words for it. */
  readonly aliases: readonly string[];
  /** What must be installed. */
  readonly needs: string;
  /** What an author changes first. */
  readonly startWith: string;
  /** Whether a project has the .proto files; the SDK knows them by heart. */
  readonly hasProto: boolean;
}

/** All languages, in the order of the help. */
export const languages: readonly Language[] = [
  {
    name: "go",
    title: "Go",
    aliases: ["golang"],
    needs: "Go 1.26",
    startWith: "config.go and execute.go",
    hasProto: true,
  },
  {
    name: "python",
    title: "Python",
    aliases: ["py", "python3"],
    needs: "Python 3.10 with venv",
    startWith: "config.py and execute.py",
    hasProto: true,
  },
  {
    name: "rust",
    title: "Rust",
    aliases: ["rs"],
    needs: "Rust 1.88 with cargo, and a C compiler",
    startWith: "src/config.rs and src/execute.rs",
    hasProto: true,
  },
  {
    name: "java",
    title: "Java",
    aliases: ["jvm"],
    needs: "a JDK 17 and Maven 3.8",
    startWith: "Config.java and Execute.java in src/main/java/work",
    hasProto: true,
  },
  {
    name: "typescript",
    title: "TypeScript",
    aliases: ["ts", "javascript", "js", "node"],
    needs: "npm",
    startWith: "config.ts and execute.ts",
    hasProto: false,
  },
];

/** Every word for a language. */
export const languageWords: readonly string[] = languages.flatMap(({ name, aliases }) => [name, ...aliases]);

/** @param word a name or another word for it, in any case */
export function findLanguage(word: string): Language | undefined {
  const wanted = word.toLowerCase();
  return languages.find(({ name, aliases }) => name === wanted || aliases.includes(wanted));
}
