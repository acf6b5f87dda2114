package goplugin;

import java.io.IOException;
import java.util.Optional;

/** A plugin must not outlive its host. */
final class HostWatch {
    private static final long PARENT_POLL_MS = 1_000;

    private HostWatch() {}

    /**
     * Run something when the host is gone.
     *
     * <p>With a lifeline, stdin is a pipe that the host holds and the system closes, however the host ends. Without one, another parent
     * process tells.
     */
    static void start(boolean hasLifeline, Runnable onGone) {
        long parent = parent();
        Thread thread = new Thread(
                () -> {
                    if (hasLifeline) awaitEndOfStdin();
                    else awaitOtherParent(parent);
                    onGone.run();
                },
                "host-watch");
        thread.setDaemon(true);
        thread.start();
    }

    private static void awaitEndOfStdin() {
        try {
            System.in.transferTo(java.io.OutputStream.nullOutputStream());
        } catch (IOException broken) {
            // An end too.
        }
    }

    private static void awaitOtherParent(long parent) {
        try {
            while (parent() == parent) Thread.sleep(PARENT_POLL_MS);
        } catch (InterruptedException never) {
            Thread.currentThread().interrupt();
        }
    }

    /** @return 0 for none */
    private static long parent() {
        Optional<ProcessHandle> parent = ProcessHandle.current().parent();
        return parent.map(ProcessHandle::pid).orElse(0L);
    }
}
