package executor;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import executor.v1.Executor.CancelDisposition;
import executor.v1.Executor.ExecuteRequest;
import executor.v1.Executor.ExecuteResponse;
import executor.v1.Executor.Result;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;

/** What runs in this process. */
final class Executions<C> {
    /** A host may start the next attempt before it has forgotten the last. */
    private record Key(String id, int attempt) {}

    private record Running(Run run, Thread thread) {}

    private static final int REMEMBERED = 1_024;
    /** Grace of work that nobody waits for any more: its host has dropped the call, or the process ends. */
    private static final Duration LAST_GRACE = Duration.ofSeconds(1);
    private static final ThreadFactory DAEMONS = task -> {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    };

    private final Executor<C> executor;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(DAEMONS);
    private final Map<Key, Running> running = new HashMap<>();
    /** Ids of the last ones that ended, to answer a Cancel that comes too late. */
    private final Set<String> ended = Collections.newSetFromMap(new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > REMEMBERED;
        }
    });
    private boolean isStopping;

    Executions(Executor<C> executor) {
        this.executor = executor;
    }

    /** Run an execution in a thread of its own. */
    void start(ExecuteRequest request, ServerCallStreamObserver<ExecuteResponse> host) {
        Key key = new Key(request.getExecutionId(), request.getAttempt());
        Run run = new Run(request, host);
        Thread thread = DAEMONS.newThread(() -> finish(key, run));
        thread.setName("execution " + key.id);
        Running one = new Running(run, thread);
        host.setOnReadyHandler(run::wake);
        host.setOnCancelHandler(() -> {
            run.wake();
            stop(one, LAST_GRACE);
        });
        Status refusal = enter(key, one);
        if (refusal.isOk()) thread.start();
        else host.onError(refusal.asRuntimeException());
    }

    /**
     * Tell every running attempt of an execution to stop, and interrupt it when the grace time is over.
     *
     * @return what there was of it
     */
    synchronized CancelDisposition stop(String id, Duration grace) {
        List<Running> attempts = running.entrySet().stream()
                .filter(entry -> entry.getKey().id.equals(id))
                .map(Map.Entry::getValue)
                .toList();
        for (Running one : attempts) stop(one, grace);
        if (!attempts.isEmpty()) return CancelDisposition.CANCEL_DISPOSITION_STOPPING;
        return ended.contains(id)
                ? CancelDisposition.CANCEL_DISPOSITION_FINISHED
                : CancelDisposition.CANCEL_DISPOSITION_UNKNOWN;
    }

    /** Take nothing more, stop what runs, and wait until it has. */
    synchronized void stopAll() throws InterruptedException {
        isStopping = true;
        for (Running one : running.values()) stop(one, LAST_GRACE);
        while (!running.isEmpty()) wait();
    }

    private void stop(Running one, Duration grace) {
        one.run.stop();
        timer.schedule(one.thread::interrupt, grace.toMillis(), MILLISECONDS);
    }

    private synchronized Status enter(Key key, Running one) {
        Description description = executor.description();
        int most = description.maxConcurrentExecutions();
        if (isStopping) return Status.UNAVAILABLE.withDescription("executor " + description.name() + " is shutting down");
        if (running.containsKey(key)) {
            return Status.ALREADY_EXISTS.withDescription(
                    "attempt " + Integer.toUnsignedString(key.attempt) + " of execution " + key.id + " is running already");
        }
        if (most > 0 && running.size() >= most) {
            return Status.RESOURCE_EXHAUSTED.withDescription(
                    "executor " + description.name() + " runs all that it takes: " + most);
        }
        running.put(key, one);
        return Status.OK;
    }

    private void finish(Key key, Run run) {
        Future<?> heart = run.keepAlive(timer);
        Result result = work(run);
        heart.cancel(false);
        // Before the result is sent: whoever has it may start the same execution again.
        synchronized (this) {
            running.remove(key);
            ended.add(key.id);
        }
        run.finish(result);
        synchronized (this) {
            notifyAll();
        }
    }

    private Result work(Run run) {
        try {
            return Results.succeeded(executor.execute(executor.parse(run.request().getConfigMap()), run));
        } catch (ConfigException wrong) {
            return Results.rejected(wrong);
        } catch (Failure failure) {
            return run.isStopped() ? Results.cancelled(failure.getMessage(), failure.report()) : Results.failed(failure);
        } catch (InterruptedException forced) {
            return Results.cancelled("stopped by force, as its grace time was over", Report.UNKNOWN);
        } catch (RuntimeException | Error bug) {
            bug.printStackTrace();
            return Results.crashed(bug);
        }
    }
}
