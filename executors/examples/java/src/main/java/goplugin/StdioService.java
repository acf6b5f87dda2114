package goplugin;

import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.Queue;
import plugin.GRPCStdioGrpc;
import plugin.Plugin.StdioData;
import plugin.Plugin.StdioData.Channel;

/**
 * What this program prints to stdout goes to the host: the pipe that carried the handshake line is read no further. stderr stays what it
 * is, as hosts take it for the log.
 */
final class StdioService extends GRPCStdioGrpc.GRPCStdioImplBase {
    /** What waits for a host to read it. More is dropped: a print must not stall the work. */
    private static final int MAX_WAITING_BYTES = 1024 * 1024;

    private final Queue<ByteString> waiting = new ArrayDeque<>();
    private int waitingBytes;
    private ServerCallStreamObserver<StdioData> reader;

    /** Lead {@code System.out} here. */
    void capture() {
        System.setOut(new PrintStream(new OutputStream() {
            @Override
            public void write(int data) {
                write(new byte[] {(byte) data}, 0, 1);
            }

            @Override
            public void write(byte[] data, int offset, int length) {
                take(ByteString.copyFrom(data, offset, length));
            }
        }));
    }

    @Override
    public synchronized void streamStdio(Empty request, StreamObserver<StdioData> answer) {
        // A second reader takes the first one's place.
        close();
        ServerCallStreamObserver<StdioData> next = (ServerCallStreamObserver<StdioData>) answer;
        next.setOnReadyHandler(this::send);
        next.setOnCancelHandler(() -> forget(next));
        reader = next;
        send();
    }

    /** End the stream, so that it does not keep the server. */
    synchronized void close() {
        if (reader != null && !reader.isCancelled()) reader.onCompleted();
        reader = null;
    }

    private synchronized void forget(ServerCallStreamObserver<StdioData> gone) {
        if (reader == gone) reader = null;
    }

    private synchronized void take(ByteString data) {
        if (waitingBytes + data.size() > MAX_WAITING_BYTES) return;
        waiting.add(data);
        waitingBytes += data.size();
        send();
    }

    private synchronized void send() {
        while (reader != null && reader.isReady() && !waiting.isEmpty()) {
            ByteString data = waiting.remove();
            waitingBytes -= data.size();
            reader.onNext(StdioData.newBuilder().setChannel(Channel.STDOUT).setData(data).build());
        }
    }
}
