import { testExample } from "./example.ts";

testExample({ language: "go", tool: "go", usualPlaces: ["/usr/local/go/bin/go"], probe: ["version"] });
