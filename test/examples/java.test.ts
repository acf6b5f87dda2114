import { testExample } from "./example.ts";

testExample({ language: "java", tool: "mvn" });
