package work;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** How to make a digest. */
enum Algorithm {
    MD5("MD5", 32),
    SHA1("SHA-1", 40),
    SHA256("SHA-256", 64),
    SHA512("SHA-512", 128);

    private final String javaName;
    private final int hexDigits;

    Algorithm(String javaName, int hexDigits) {
        this.javaName = javaName;
        this.hexDigits = hexDigits;
    }

    /** @param word as jobs write it */
    static Optional<Algorithm> of(String word) {
        return Arrays.stream(values()).filter(algorithm -> algorithm.word().equals(word)).findFirst();
    }

    static String words() {
        return Arrays.stream(values()).map(Algorithm::word).collect(Collectors.joining(", "));
    }

    String word() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    int hexDigits() {
        return hexDigits;
    }

    MessageDigest digest() {
        try {
            return MessageDigest.getInstance(javaName);
        } catch (NoSuchAlgorithmException missing) {
            throw new IllegalStateException(missing); // every Java has these
        }
    }
}
