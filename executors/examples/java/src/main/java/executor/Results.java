package executor;

import executor.v1.Executor.Effect;
import executor.v1.Executor.Outcome;
import executor.v1.Executor.Result;
import executor.v1.Executor.Retryability;

/** How an execution ended, as the contract says it. */
final class Results {
    private Results() {}

    static Result succeeded(Report report) {
        return with(report).setOutcome(Outcome.OUTCOME_SUCCEEDED).build();
    }

    static Result failed(Failure failure) {
        return with(failure.report())
                .setOutcome(Outcome.OUTCOME_FAILED)
                .setCode(failure.code())
                .setMessage(failure.getMessage())
                .setHint(failure.hint())
                .setRetryability(failure.retryability())
                .build();
    }

    static Result cancelled(String message, Report report) {
        return with(report).setOutcome(Outcome.OUTCOME_CANCELLED).setCode("CANCELLED").setMessage(message).build();
    }

    static Result rejected(ConfigException wrong) {
        return Result.newBuilder()
                .setOutcome(Outcome.OUTCOME_REJECTED)
                .setCode("CONFIG_INVALID")
                .setMessage("the config is wrong: " + wrong.getMessage())
                .setRetryability(Retryability.RETRYABILITY_PERMANENT)
                .setEffect(Effect.EFFECT_NONE)
                .addAllViolations(wrong.violations())
                .build();
    }

    /** A bug of the executor. */
    static Result crashed(Throwable bug) {
        return Result.newBuilder()
                .setOutcome(Outcome.OUTCOME_FAILED)
                .setCode("INTERNAL")
                .setMessage(bug.toString().lines().findFirst().orElse("unknown"))
                .build();
    }

    private static Result.Builder with(Report report) {
        Result.Builder result = Result.newBuilder().setEffect(report.effect());
        if (!report.evidence().isEmpty()) result.setEvidence(Values.struct(report.evidence()));
        return result;
    }
}
