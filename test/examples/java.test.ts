import { testExample } from "./example.ts";
import { testUnderGoHost } from "./go-host.ts";

testExample({ language: "java", tool: "mvn" });
testUnderGoHost("java");
