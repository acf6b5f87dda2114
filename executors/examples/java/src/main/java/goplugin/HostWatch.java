package goplugin;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
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
     *
     * @return interrupt it when there is no more need
     */
    static Thread start(boolean hasLifeline, Runnable onGone) {
        long parent = parent();
        Thread thread = new Thread(() -> watch(hasLifeline, parent, onGone), "host-watch");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static void watch(boolean hasLifeline, long parent, Runnable onGone) {
        try {
            if (hasLifeline) awaitEndOfStdin();
            else while (parent() == parent) Thread.sleep(PARENT_POLL_MS);
        } catch (InterruptedException | ClosedByInterruptException noMoreNeed) {
            return;
        } catch (IOException broken) {
            // An end too.
        }
        onGone.run();
    }

    /** By a channel, as the read of a stream cannot be interrupted. */
    private static void awaitEndOfStdin() throws IOException {
        ByteBuffer ignored = ByteBuffer.allocate(1024);
        try (FileChannel stdin = new FileInputStream(FileDescriptor.in).getChannel()) {
            while (stdin.read(ignored.clear()) >= 0) {}
        }
    }

    /** @return 0 for none */
    private static long parent() {
        Optional<ProcessHandle> parent = ProcessHandle.current().parent();
        return parent.map(ProcessHandle::pid).orElse(0L);
    }
}
