package executor;

import executor.v1.Executor.CancelDisposition;
import executor.v1.Executor.CancelRequest;
import executor.v1.Executor.CancelResponse;
import executor.v1.Executor.Capabilities;
import executor.v1.Executor.DescribeRequest;
import executor.v1.Executor.DescribeResponse;
import executor.v1.Executor.ExecuteRequest;
import executor.v1.Executor.ExecuteResponse;
import executor.v1.Executor.ValidateRequest;
import executor.v1.Executor.ValidateResponse;
import executor.v1.ExecutorServiceGrpc;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;

/** The calls of the contract. Those it does not have, Attach and Probe, answer UNIMPLEMENTED. */
final class Service<C> extends ExecutorServiceGrpc.ExecutorServiceImplBase {
    /** Grace of a Cancel that names none. */
    private static final Duration DEFAULT_GRACE = Duration.ofSeconds(10);

    private final Executor<C> executor;
    private final Executions<C> executions;

    Service(Executor<C> executor, Executions<C> executions) {
        this.executor = executor;
        this.executions = executions;
    }

    @Override
    public void describe(DescribeRequest request, StreamObserver<DescribeResponse> answer) {
        Description description = executor.description();
        send(answer, DescribeResponse.newBuilder()
                .setName(description.name())
                .setVersion(description.version())
                .setSummary(description.summary())
                .setConfigSchema(description.configSchema())
                .setCapabilities(Capabilities.newBuilder()
                        .setCancel(true)
                        .setIdempotent(description.idempotent())
                        .setMaxConcurrentExecutions(description.maxConcurrentExecutions()))
                .build());
    }

    @Override
    public void validate(ValidateRequest request, StreamObserver<ValidateResponse> answer) {
        ValidateResponse.Builder response = ValidateResponse.newBuilder();
        try {
            executor.parse(request.getConfigMap());
        } catch (ConfigException wrong) {
            response.addAllViolations(wrong.violations());
        }
        send(answer, response.build());
    }

    @Override
    public void execute(ExecuteRequest request, StreamObserver<ExecuteResponse> answer) {
        executions.start(request, (ServerCallStreamObserver<ExecuteResponse>) answer);
    }

    @Override
    public void cancel(CancelRequest request, StreamObserver<CancelResponse> answer) {
        Duration grace = DEFAULT_GRACE;
        if (request.hasGrace()) {
            grace = Duration.ofSeconds(request.getGrace().getSeconds(), request.getGrace().getNanos());
        }
        CancelDisposition disposition = executions.stop(request.getExecutionId(), grace);
        send(answer, CancelResponse.newBuilder().setDisposition(disposition).build());
    }

    private static <T> void send(StreamObserver<T> answer, T message) {
        answer.onNext(message);
        answer.onCompleted();
    }
}
