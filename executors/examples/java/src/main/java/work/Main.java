package work;

import executor.ConfigException;
import executor.Description;
import executor.Executor;
import executor.Failure;
import executor.Report;
import executor.Run;
import executor.Serve;
import java.util.Map;

/**
 * What the executor is. Which config it takes stands in {@link Config}, and what it does in {@link Execute}. The rest is the same for every
 * executor: package {@code executor} keeps the contract with the host, and {@code goplugin} lets the host start this program and reach it.
 */
public final class Main implements Executor<Config> {
    private static final Description DESCRIPTION = new Description(
            "checksum", "1.0.0", "Computes and compares digests of files", Config.SCHEMA, true, 16);

    public static void main(String[] arguments) {
        Serve.serve(new Main());
    }

    @Override
    public Description description() {
        return DESCRIPTION;
    }

    @Override
    public Config parse(Map<String, String> given) throws ConfigException {
        return Config.parse(given);
    }

    @Override
    public Report execute(Config config, Run run) throws Failure, InterruptedException {
        return new Execute(config, run).execute();
    }
}
