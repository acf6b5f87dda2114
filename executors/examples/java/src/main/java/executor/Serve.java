package executor;

import goplugin.Application;
import goplugin.Plugin;
import io.grpc.BindableService;
import java.util.List;

/** Makes a plugin of an executor: the contract between an executor and its host, {@code executor.v1}, around whatever it does. */
public final class Serve<C> implements Application {
    /** 1 is Dkron's own contract, which is not spoken here. */
    private static final List<Integer> VERSIONS = List.of(2);
    /** The same as Dkron's. */
    private static final MagicCookie COOKIE = new MagicCookie(
            "DKRON_PLUGIN_MAGIC_COOKIE", "b29a76488b6f3ca7955c5f769b50641f0fcd88748d8cedecda313d516320ca19");

    private final Executor<C> executor;
    private final Executions<C> executions;

    private Serve(Executor<C> executor) {
        this.executor = executor;
        this.executions = new Executions<>(executor);
    }

    /** Be an executor: the whole of {@code main}. */
    public static <C> void serve(Executor<C> executor) {
        Plugin.serve(new Serve<>(executor));
    }

    @Override
    public MagicCookie cookie() {
        return COOKIE;
    }

    @Override
    public List<Integer> versions() {
        return VERSIONS;
    }

    @Override
    public String introduction() {
        Description description = executor.description();
        return """
                %s %s: %s

                This is an executor. A host starts it and talks to it; run by hand, it does nothing.
                To use it, put it under the name dkron-executor-%s into the plugins directory of Executor Host."""
                .formatted(description.name(), description.version(), description.summary(), description.name());
    }

    @Override
    public List<BindableService> services(int version) {
        return List.of(new Service<>(executor, executions));
    }

    @Override
    public void stop() throws InterruptedException {
        executions.stopAll();
    }
}
