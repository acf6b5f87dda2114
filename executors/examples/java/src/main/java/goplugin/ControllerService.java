package goplugin;

import io.grpc.stub.StreamObserver;
import plugin.GRPCControllerGrpc;
import plugin.Plugin.Empty;

/** Ends the plugin: answers first, then stops. */
final class ControllerService extends GRPCControllerGrpc.GRPCControllerImplBase {
    private final Runnable onShutdown;

    ControllerService(Runnable onShutdown) {
        this.onShutdown = onShutdown;
    }

    @Override
    public void shutdown(Empty request, StreamObserver<Empty> answer) {
        answer.onNext(Empty.getDefaultInstance());
        answer.onCompleted();
        onShutdown.run();
    }
}
