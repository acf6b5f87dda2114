import { testFaults } from "./fixtures/try-fixture.ts";

const configs = { longConfig: { do: "wait" }, floodConfig: { do: "flood" } };

testFaults(["load"], configs);
testFaults(["crash"], { ...configs, timeouts: { endMs: 2_500 } });
