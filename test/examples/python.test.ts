import { testExample } from "./example.ts";
import { testUnderGoHost } from "./go-host.ts";

testExample({ language: "python", tool: "python3", probe: ["-c", "import venv, ensurepip"], shared: ".venv" });
testUnderGoHost("python");
