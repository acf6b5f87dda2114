import { testExample } from "./example.ts";

testExample({ language: "python", tool: "python3", probe: ["-c", "import venv, ensurepip"], shared: ".venv" });
