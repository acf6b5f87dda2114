package goplugin;

import io.grpc.BindableService;
import java.util.List;

/** What a plugin serves. */
public interface Application {
    /**
     * How a plugin knows that somebody who speaks go-plugin started it: a check against running it by hand, not a secret.
     *
     * @param key the name of an environment variable
     */
    record MagicCookie(String key, String value) {}

    MagicCookie cookie();

    /** Versions of the application protocol that it speaks; the highest that the host knows too is served. At least one. */
    List<Integer> versions();

    /** What to say to people who run the program by hand. */
    String introduction();

    List<BindableService> services(int version);

    /** Finish or abort what runs. It is waited for, but no longer than 1.5 seconds. */
    void stop() throws InterruptedException;
}
