import { testExample } from "./example.ts";

testExample({
  language: "typescript",
  tool: "npm",
  ownTests: ["npm", "test"],
  env: {
    // What the checkout's own installation has downloaded is enough.
    npm_config_prefer_offline: "true",
    // Would stay behind in the temporary directory.
    NODE_DISABLE_COMPILE_CACHE: "1",
  },
});
