package executor;

import executor.v1.Executor.Retryability;

/** Why work failed. */
public final class Failure extends Exception {
    private static final long serialVersionUID = 1;

    private final String code;
    private final String hint;
    private final Retryability retryability;
    private final transient Report report;

    /**
     * @param code stable cause in upper-case snake case
     * @param message one line, for people, without secrets
     * @param hint what to do about it; may be empty
     * @param retryability would trying again help?
     * @param report what is known all the same
     */
    public Failure(String code, String message, String hint, Retryability retryability, Report report) {
        super(message);
        this.code = code;
        this.hint = hint;
        this.retryability = retryability;
        this.report = report;
    }

    public String code() {
        return code;
    }

    public String hint() {
        return hint;
    }

    public Retryability retryability() {
        return retryability;
    }

    public Report report() {
        return report;
    }
}
