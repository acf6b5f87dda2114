package goplugin;

import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.Set;

final class HealthService extends HealthGrpc.HealthImplBase {
    /** Hosts ask for {@code plugin}; an empty name means the server as a whole. */
    private static final Set<String> KNOWN = Set.of("plugin", "");

    @Override
    public void check(HealthCheckRequest request, StreamObserver<HealthCheckResponse> answer) {
        if (KNOWN.contains(request.getService())) {
            answer.onNext(state(ServingStatus.SERVING));
            answer.onCompleted();
        } else {
            answer.onError(Status.NOT_FOUND.withDescription("unknown service").asRuntimeException());
        }
    }

    /** The state never changes: the stream stays open and says nothing more. */
    @Override
    public void watch(HealthCheckRequest request, StreamObserver<HealthCheckResponse> answer) {
        boolean isKnown = KNOWN.contains(request.getService());
        answer.onNext(state(isKnown ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN));
    }

    private static HealthCheckResponse state(ServingStatus status) {
        return HealthCheckResponse.newBuilder().setStatus(status).build();
    }
}
