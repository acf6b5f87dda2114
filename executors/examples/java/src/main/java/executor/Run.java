package executor;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import executor.v1.Executor.Channel;
import executor.v1.Executor.Event;
import executor.v1.Executor.ExecuteRequest;
import executor.v1.Executor.ExecuteResponse;
import executor.v1.Executor.Heartbeat;
import executor.v1.Executor.Output;
import executor.v1.Executor.Progress;
import executor.v1.Executor.Result;
import executor.v1.Executor.Started;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;

/**
 * One execution, as the executor sees it. Its methods may be called from several threads. Those that send wait for a host that reads slowly;
 * when the host is gone, what is sent is dropped, and the thread of the execution is interrupted.
 */
public final class Run {
    /** What one output event may hold. */
    private static final int MAX_OUTPUT_BYTES = 64 * 1024;
    /** How long a host may hear nothing. */
    private static final long HEARTBEAT_MS = 5_000;

    private final ExecuteRequest request;
    private final ServerCallStreamObserver<ExecuteResponse> host;
    private final CountDownLatch stop = new CountDownLatch(1);
    private final Map<Channel, Long> offsets = new EnumMap<>(Channel.class);
    private long sequence;
    private long lastSentNanos = System.nanoTime();

    Run(ExecuteRequest request, ServerCallStreamObserver<ExecuteResponse> host) {
        this.request = request;
        this.host = host;
    }

    /** All that the host said. Its execution id is the idempotency key, for targets that know such a thing. */
    public ExecuteRequest request() {
        return request;
    }

    /**
     * The work begins. Comes before everything else.
     *
     * @param target for people, what is being run: a path, a container id, a URL without credentials
     */
    public void started(String target) throws InterruptedException {
        send(Event.newBuilder().setStarted(Started.newBuilder().setTarget(target)));
    }

    /** What the work produces, byte by byte as it is. */
    public void stdout(byte[] data) throws InterruptedException {
        output(Channel.CHANNEL_STDOUT, ByteString.copyFrom(data));
    }

    /** The other channel. */
    public void stderr(byte[] data) throws InterruptedException {
        output(Channel.CHANNEL_STDERR, ByteString.copyFrom(data));
    }

    /** How far the work has come: a fraction of 1, words for people, details for programs. */
    public void progress(double fraction, String message, Map<String, Object> details) throws InterruptedException {
        send(Event.newBuilder()
                .setProgress(Progress.newBuilder()
                        .setFraction(fraction)
                        .setMessage(message)
                        .setDetails(Values.struct(details))));
    }

    public boolean isStopped() {
        return stop.getCount() == 0;
    }

    /**
     * Wait, but no longer than until the run is told to stop.
     *
     * @return whether it is
     */
    public boolean awaitStop(Duration atMost) throws InterruptedException {
        return stop.await(atMost.toMillis(), MILLISECONDS);
    }

    /** Tell the work to stop. */
    void stop() {
        stop.countDown();
    }

    /** Say that the work is alive whenever nothing else is said. @return to be cancelled at its end */
    Future<?> keepAlive(ScheduledExecutorService timer) {
        return timer.scheduleWithFixedDelay(this::beat, HEARTBEAT_MS, HEARTBEAT_MS / 10, MILLISECONDS);
    }

    synchronized void finish(Result result) {
        write(Event.newBuilder().setResult(result));
        host.onCompleted();
    }

    /** The host reads again, or is gone: whoever waits looks anew. */
    synchronized void wake() {
        notifyAll();
    }

    private synchronized void beat() {
        boolean isSilent = System.nanoTime() - lastSentNanos >= MILLISECONDS.toNanos(HEARTBEAT_MS);
        // Nothing may come before started, and a host that does not read needs no more.
        if (isSilent && sequence > 0 && host.isReady()) {
            write(Event.newBuilder().setHeartbeat(Heartbeat.getDefaultInstance()));
        }
    }

    private synchronized void output(Channel channel, ByteString data) throws InterruptedException {
        for (int from = 0; from < data.size(); from += MAX_OUTPUT_BYTES) {
            ByteString part = data.substring(from, Math.min(data.size(), from + MAX_OUTPUT_BYTES));
            awaitRoom();
            // Only now, as another thread may have written meanwhile.
            long offset = offsets.merge(channel, (long) part.size(), Long::sum) - part.size();
            write(Event.newBuilder()
                    .setOutput(Output.newBuilder().setChannel(channel).setOffset(offset).setData(part)));
        }
    }

    private synchronized void send(Event.Builder event) throws InterruptedException {
        awaitRoom();
        write(event);
    }

    private void awaitRoom() throws InterruptedException {
        while (!host.isReady() && !host.isCancelled()) wait();
    }

    private void write(Event.Builder event) {
        if (host.isCancelled()) return;
        Instant now = Instant.now();
        lastSentNanos = System.nanoTime();
        Timestamp time = Timestamp.newBuilder().setSeconds(now.getEpochSecond()).setNanos(now.getNano()).build();
        host.onNext(ExecuteResponse.newBuilder().addEvents(event.setSequence(++sequence).setTime(time)).build());
    }
}
