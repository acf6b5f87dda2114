package work;

import static executor.Values.quote;

import executor.ConfigException;
import executor.v1.Executor.Violation;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * What a job asks for.
 *
 * @param paths at least one
 * @param expect the digest that the file must have, in lower case; empty for none
 * @param maxBytesPerSecond how fast to read at most; 0 for no limit
 */
record Config(List<String> paths, Algorithm algorithm, String expect, long maxBytesPerSecond) {
    /** Tells hosts and people which keys there are; {@link #parse} says the same in Java. */
    static final String SCHEMA = resource("config.schema.json");

    private static final List<String> KEYS = List.of("path", "algorithm", "expect", "maxBytesPerSecond");

    static Config parse(Map<String, String> given) throws ConfigException {
        Problems wrong = new Problems();
        List<String> paths = given.getOrDefault("path", "")
                .lines()
                .map(String::strip)
                .filter(path -> !path.isEmpty())
                .toList();
        if (paths.isEmpty()) wrong.add("path", "is required", "write one absolute path per line");
        for (String path : paths) {
            if (!path.startsWith("/")) wrong.add("path", quote(path) + " is not an absolute path", "start it with /");
        }
        Optional<Algorithm> algorithm = parseAlgorithm(given.getOrDefault("algorithm", ""), wrong);
        String expect = given.getOrDefault("expect", "");
        checkExpect(expect, algorithm, paths.size(), wrong);
        long rate = parseRate(given.getOrDefault("maxBytesPerSecond", ""), wrong);
        for (String key : new TreeSet<>(given.keySet())) {
            if (!KEYS.contains(key)) wrong.add(key, "is not a known key", "known keys: " + String.join(", ", KEYS));
        }
        if (!wrong.violations.isEmpty()) throw new ConfigException(wrong.violations);
        return new Config(paths, algorithm.orElseThrow(), expect.toLowerCase(Locale.ROOT), rate);
    }

    private static Optional<Algorithm> parseAlgorithm(String word, Problems wrong) {
        if (word.isEmpty()) return Optional.of(Algorithm.SHA256);
        Optional<Algorithm> algorithm = Algorithm.of(word);
        if (algorithm.isEmpty()) wrong.add("algorithm", quote(word) + " is not one of " + Algorithm.words(), "");
        return algorithm;
    }

    private static void checkExpect(String expect, Optional<Algorithm> algorithm, int files, Problems wrong) {
        if (expect.isEmpty()) return;
        algorithm.filter(one -> !expect.matches("[0-9A-Fa-f]{" + one.hexDigits() + "}")).ifPresent(one -> {
            String hint = "write " + one.hexDigits() + " hexadecimal digits";
            wrong.add("expect", quote(expect) + " is not a " + one.word() + " digest", hint);
        });
        if (files > 1) wrong.add("expect", "goes with one path, not " + files, "leave it out, or run one job per file");
    }

    private static long parseRate(String text, Problems wrong) {
        if (text.isEmpty()) return 0;
        try {
            long rate = Long.parseLong(text);
            if (rate >= 1) return rate;
        } catch (NumberFormatException noNumber) {
            // Told below.
        }
        String hint = "write decimal digits, or leave it out";
        wrong.add("maxBytesPerSecond", quote(text) + " is not a whole number of at least 1", hint);
        return 0;
    }

    /** Everything that is wrong, in the order found. */
    private static final class Problems {
        private final List<Violation> violations = new ArrayList<>();

        void add(String field, String message, String hint) {
            violations.add(Violation.newBuilder().setField(field).setMessage(message).setHint(hint).build());
        }
    }

    private static String resource(String name) {
        try (InputStream stream = Config.class.getResourceAsStream("/" + name)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }
}
