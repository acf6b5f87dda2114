package goplugin;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the host says through the environment. The range of ports is not here: Java has unix sockets wherever it runs.
 *
 * @param versions of the application protocol that the host offers, in no order
 * @param clientCertificate the host's, in PEM; null for no TLS
 * @param socketGroup name of the group that may use the socket, or null
 * @param hasLifeline whether the end of stdin means the end of the host
 */
record Environment(
        List<Integer> versions,
        String clientCertificate,
        Path socketDirectory,
        String socketGroup,
        boolean asksForMultiplexing,
        boolean hasLifeline) {

    /** @return null when the cookie is missing or wrong */
    static Environment read(Map<String, String> variables, Application.MagicCookie cookie) {
        if (!cookie.value().equals(variables.get(cookie.key()))) return null;
        String directory = get(variables, "PLUGIN_UNIX_SOCKET_DIR");
        if (directory == null) directory = get(variables, "TMPDIR"); // which Java does not look at
        return new Environment(
                versions(variables.getOrDefault("PLUGIN_PROTOCOL_VERSIONS", "")),
                get(variables, "PLUGIN_CLIENT_CERT"),
                Path.of(directory != null ? directory : System.getProperty("java.io.tmpdir")),
                get(variables, "PLUGIN_UNIX_SOCKET_GROUP"),
                get(variables, "PLUGIN_MULTIPLEX_GRPC") != null,
                "stdin".equals(get(variables, "EXECUTOR_HOST_LIFELINE")));
    }

    /** An empty variable counts as none. */
    private static String get(Map<String, String> variables, String name) {
        String value = variables.get(name);
        return value == null || value.isEmpty() ? null : value;
    }

    private static List<Integer> versions(String offered) {
        List<Integer> versions = new ArrayList<>();
        for (String version : offered.split(",")) {
            try {
                versions.add(Integer.valueOf(version));
            } catch (NumberFormatException wrong) {
                // What is no number cannot be spoken; the host is told so when nothing else fits.
            }
        }
        return versions;
    }
}
