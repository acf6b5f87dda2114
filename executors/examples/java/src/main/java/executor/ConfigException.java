package executor;

import executor.v1.Executor.Violation;
import java.util.List;

/** Everything that is wrong with a config. */
public final class ConfigException extends Exception {
    private static final long serialVersionUID = 1;

    private final transient List<Violation> violations;

    /** @param violations at least one */
    public ConfigException(List<Violation> violations) {
        super(violations.get(0).getField() + " " + violations.get(0).getMessage());
        this.violations = List.copyOf(violations);
    }

    public List<Violation> violations() {
        return violations;
    }
}
