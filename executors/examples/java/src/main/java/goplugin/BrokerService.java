package goplugin;

import io.grpc.stub.StreamObserver;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import plugin.GRPCBrokerGrpc;
import plugin.Plugin.ConnInfo;

/** Keeps the broker's stream open, as hosts expect it to be. No connections are made by it: the application has no use for any. */
final class BrokerService extends GRPCBrokerGrpc.GRPCBrokerImplBase {
    private final Set<StreamObserver<ConnInfo>> open = ConcurrentHashMap.newKeySet();

    @Override
    public StreamObserver<ConnInfo> startStream(StreamObserver<ConnInfo> answer) {
        open.add(answer);
        return new StreamObserver<>() {
            @Override
            public void onNext(ConnInfo announcement) {}

            @Override
            public void onError(Throwable dropped) {
                open.remove(answer);
            }

            @Override
            public void onCompleted() {
                end(answer);
            }
        };
    }

    /** End the streams, so that they do not keep the server. */
    void close() {
        open.forEach(this::end);
    }

    private void end(StreamObserver<ConnInfo> answer) {
        if (open.remove(answer)) answer.onCompleted();
    }
}
