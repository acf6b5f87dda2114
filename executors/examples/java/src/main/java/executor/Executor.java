package executor;

import java.util.Map;

/**
 * An executor. There is one in a process; it may hold what executions share, such as connections.
 *
 * @param <C> what a job asks for, in types of its own
 */
public interface Executor<C> {
    Description description();

    /**
     * Make a config of a job's strings. Touches nothing outside.
     *
     * @throws ConfigException with everything that is wrong with it
     */
    C parse(Map<String, String> given) throws ConfigException;

    /**
     * Do the work of one execution; called many times, also at the same time, each time in a thread of its own.
     *
     * <p>When the run is told to stop, stop at once and throw a failure, which then counts as CANCELLED. What has not returned when the grace
     * time is over, which is a second when the host has dropped the call, has its thread interrupted. Any other exception is a failure with
     * the code INTERNAL.
     */
    Report execute(C config, Run run) throws Failure, InterruptedException;
}
