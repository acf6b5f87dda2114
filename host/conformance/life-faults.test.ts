import { testFaults } from "./fixtures/try-fixture.ts";

testFaults(["life"], { longConfig: { do: "wait" }, heartbeatConfig: { do: "beat" } });
