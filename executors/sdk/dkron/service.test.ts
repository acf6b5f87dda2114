import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { dkronEras, launchForDkron, type DkronEra, type DkronLaunchedExecutor } from "../testing/index.ts";

const fixture = (name: string): string => `${import.meta.dirname}/../fixtures/${name}.ts`;
const guard = { timeout: 60_000 };

let sample: DkronLaunchedExecutor;
before(async () => {
  sample = await launchForDkron(fixture("sample-executor"));
}, guard);
after(async () => {
  const { code, signal } = await sample.plugin.stop();
  await sample[Symbol.asyncDispose]();
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
}, guard);

for (const era of Object.keys(dkronEras) as DkronEra[]) {
  test(`Dkron since ${era} gets output, remarks and live updates`, guard, async () => {
    const run = await sample.execute({ do: "echo", text: "hi" }, { era, jobName: "nightly" });
    assert.equal(run.error, "");
    assert.equal(run.output.toString(), "warning: this is a test\nout hi\nerr hi\n");
    assert.deepEqual(
      run.updates.map(({ output, isStderr }) => [output.toString(), isStderr]),
      dkronEras[era].callback === undefined
        ? []
        : [
            ["out hi\n", false],
            ["err hi\n", true],
          ],
    );
  });
}

test("Dkron's request becomes an execution with an id of its own", guard, async () => {
  const tell = async (): Promise<Record<string, unknown>> => {
    const { output } = await sample.execute({ do: "tell" }, { jobName: "nightly" });
    return JSON.parse(output.toString()) as Record<string, unknown>;
  };
  const [first, second] = await Promise.all([tell(), tell()]);
  const { id, ...rest } = first;
  assert.deepEqual(rest, { attempt: 1, jobName: "nightly", labels: {}, traceContext: {}, protocol: "dkron" });
  assert.match(String(id), /^dkron-/);
  assert.notEqual(id, second["id"]);
});

test("Dkron's unknown keys are warnings", guard, async () => {
  const { output, error } = await sample.execute({ do: "environment", txet: "x" });
  assert.equal(error, "");
  assert.match(output.toString(), /^warning: txet is not a known key and was ignored: did you mean text\?\n\[/);
});

test("Dkron gets a failure as text, with status OK", guard, async () => {
  assert.equal((await sample.execute({ do: "fail" })).error, "nobody there (start it)");
  assert.equal((await sample.execute({ do: "bug" })).error, "off by one");
  const refused = await sample.execute({ do: "echo", size: "huge" });
  assert.match(refused.error, /^invalid config: size "huge" is not a size \(write a number of bytes/);
  assert.equal(refused.output.length, 0);
});

test("Dkron gets the end of a large output, and all of it live", guard, async () => {
  const run = await sample.execute({ do: "flood", size: "3MB" });
  const live = Buffer.concat(run.updates.map(({ output }) => output));
  assert.equal(live.length, 3 * 1024 * 1024);
  assert.equal(run.output.length, 256_000);
  assert.deepEqual(run.output, live.subarray(-256_000));
});

test("Dkron gets live updates one after the other, however slow it is", guard, async () => {
  let open = 0;
  let most = 0;
  const { updates } = await sample.execute(
    { do: "flood", size: "2MB" },
    {
      async onUpdate() {
        open += 1;
        most = Math.max(most, open);
        await new Promise((resolve) => setTimeout(resolve, 5));
        open -= 1;
      },
    },
  );
  assert.equal(most, 1);
  assert.equal(
    updates.reduce((sum, { output }) => sum + output.length, 0),
    2 * 1024 * 1024,
  );
});

test("Dkron's job runs on when its callback is not served", guard, async () => {
  // Announced, but it answers UNIMPLEMENTED.
  const broken = await sample.plugin.broker.serve(9_999, () => undefined);
  const run = await sample.execute({ do: "flood", size: "3MB" }, { statusServer: 9_999 });
  await broken.close();
  assert.equal(run.error, "");
  assert.equal(run.output.length, 256_000);
  await sample.waitForLog(({ message }) => message.startsWith("live output is given up"));
});

test("Dkron gets a failure as text when the executor takes no more", guard, async () => {
  const plain = await launchForDkron(fixture("plain-executor"));
  const first = plain.execute({}, { era: "v1.2.0" }).catch((error: unknown) => error);
  const second = await plain.execute({}, { era: "v1.2.0" });
  assert.equal(second.error, "executor plain is running all the executions it takes: 1");
  await plain[Symbol.asyncDispose]();
  await first;
});
