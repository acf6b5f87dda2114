package work;

import static java.nio.charset.StandardCharsets.UTF_8;

import executor.Failure;
import executor.Report;
import executor.Run;
import executor.v1.Executor.Effect;
import executor.v1.Executor.Retryability;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/** What this executor does: it reads files and prints their digests. One of these is one execution. */
final class Execute {
    /** Between two chunks it is looked whether to stop. */
    private static final int CHUNK_BYTES = 64 * 1024;
    /** Progress is told this often at most. */
    private static final Duration PROGRESS_INTERVAL = Duration.ofSeconds(1);

    private final Config config;
    private final Run run;
    private final byte[] chunk;
    private final long startedAt = System.nanoTime();
    private long total;
    private long done;
    /** What the last progress said, and when. */
    private long told;
    private long toldAt = startedAt;

    Execute(Config config, Run run) {
        this.config = config;
        this.run = run;
        long limit = config.maxBytesPerSecond();
        this.chunk = new byte[limit == 0 ? CHUNK_BYTES : (int) Math.min(CHUNK_BYTES, limit)];
    }

    Report execute() throws Failure, InterruptedException {
        int files = config.paths().size();
        String target = files == 1 ? config.paths().get(0) : files + " files";
        run.started(target);

        // All of them before the first is read: what is missing is told at once.
        for (String path : config.paths()) total += size(path);

        String digest = "";
        for (String path : config.paths()) {
            digest = digest(path);
            run.stdout((digest + "  " + path + "\n").getBytes(UTF_8));
        }

        String algorithm = config.algorithm().word();
        Map<String, Object> evidence = new LinkedHashMap<>();
        evidence.put("algorithm", algorithm);
        evidence.put("files", files);
        evidence.put("bytes", done);
        if (files == 1) evidence.put("digest", digest);
        Report report = new Report(Effect.EFFECT_NONE, evidence);
        if (!config.expect().isEmpty() && !config.expect().equals(digest)) {
            String message = "%s has the %s digest %s, not %s".formatted(target, algorithm, digest, config.expect());
            throw new Failure("DIGEST_MISMATCH", message, "", Retryability.RETRYABILITY_PERMANENT, report);
        }
        tell();
        return report;
    }

    /** The digest of one file, in hexadecimal digits. */
    private String digest(String path) throws Failure, InterruptedException {
        MessageDigest digest = config.algorithm().digest();
        try (InputStream file = Files.newInputStream(pathOf(path))) {
            while (true) {
                if (run.isStopped()) throw stopped();
                int count = file.read(chunk);
                if (count < 0) return HexFormat.of().formatHex(digest.digest());
                digest.update(chunk, 0, count);
                done += count;
                tellSometimes();
                pause();
            }
        } catch (IOException problem) {
            // Whoever is interrupted while reading finds the file closed.
            throw run.isStopped() ? stopped() : unreadable(path, problem);
        }
    }

    private Failure stopped() {
        String message = "stopped after " + done + " of " + total + " bytes";
        return new Failure("CANCELLED", message, "", Retryability.RETRYABILITY_UNSPECIFIED, Report.NO_EFFECT);
    }

    /** Wait until as many bytes may have been read as have been, or until the run is stopped. */
    private void pause() throws InterruptedException {
        if (config.maxBytesPerSecond() == 0) return;
        long due = startedAt + (long) (1e9 * done / config.maxBytesPerSecond());
        run.awaitStop(Duration.ofNanos(Math.max(0, due - System.nanoTime())));
    }

    /** Progress of a hundredth or more. */
    private void tellSometimes() throws InterruptedException {
        boolean isDue = System.nanoTime() - toldAt >= PROGRESS_INTERVAL.toNanos();
        if (isDue && (done - told) * 100 >= total) tell();
    }

    private void tell() throws InterruptedException {
        told = done;
        toldAt = System.nanoTime();
        // A file may have grown meanwhile.
        double fraction = total == 0 ? 1 : Math.min(1, (double) done / total);
        run.progress(fraction, done + " of " + total + " bytes", Map.of("bytesDone", done, "bytesTotal", total));
    }

    private static long size(String path) throws Failure {
        BasicFileAttributes found;
        try {
            found = Files.readAttributes(pathOf(path), BasicFileAttributes.class);
        } catch (IOException problem) {
            throw unreadable(path, problem);
        }
        if (found.isRegularFile()) return found.size();
        String what = found.isDirectory() ? " is a directory" : " is not a regular file";
        throw failure("NOT_A_FILE", path + what, "", Retryability.RETRYABILITY_PERMANENT);
    }

    /** Java refuses some names before the system does. */
    private static Path pathOf(String path) throws FileSystemException {
        try {
            return Path.of(path);
        } catch (InvalidPathException wrong) {
            throw new FileSystemException(path, null, wrong.getReason());
        }
    }

    /** For people and programs, what the system said. */
    private static Failure unreadable(String path, IOException problem) {
        if (problem instanceof NoSuchFileException) {
            return failure("FILE_NOT_FOUND", path + " does not exist", "", Retryability.RETRYABILITY_UNSPECIFIED);
        }
        if (problem instanceof AccessDeniedException) {
            String message = path + " may not be read by this executor";
            String hint = "Run it as a user who may read the file";
            return failure("FILE_NOT_READABLE", message, hint, Retryability.RETRYABILITY_PERMANENT);
        }
        // The message of these repeats the path.
        boolean hasReason = problem instanceof FileSystemException system && system.getReason() != null;
        String reason = hasReason ? ((FileSystemException) problem).getReason() : problem.getMessage();
        return failure("READ_FAILED", path + " cannot be read: " + reason, "", Retryability.RETRYABILITY_RETRYABLE);
    }

    private static Failure failure(String code, String message, String hint, Retryability retryability) {
        return new Failure(code, message, hint, retryability, Report.NO_EFFECT);
    }
}
