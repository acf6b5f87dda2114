import { testFaults } from "./fixtures/try-fixture.ts";

testFaults(["dkron"]);
