import { testExample } from "./example.ts";

// What the checkout's own installation has downloaded is enough.
testExample({ language: "typescript", tool: "npm", env: { npm_config_prefer_offline: "true" } });
