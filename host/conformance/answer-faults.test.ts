import { testFaults } from "./fixtures/try-fixture.ts";

testFaults(["describe", "validate"], { only: ["describe", "validate", "execute", "request.wrong"] });
