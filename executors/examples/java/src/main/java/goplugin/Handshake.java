package goplugin;

import java.nio.file.Path;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Collections;
import java.util.List;

/** The line by which a plugin tells its host where to find it. */
final class Handshake {
    /** The only version of go-plugin's own protocol that there has ever been. */
    private static final int CORE_VERSION = 1;

    private Handshake() {}

    /** The highest version that both sides speak; the lowest own one when there is none, so that the host can say what does not fit. */
    static int negotiate(List<Integer> own, List<Integer> offered) {
        return own.stream().filter(offered::contains).max(Integer::compare).orElseGet(() -> Collections.min(own));
    }

    /** @param certificate the plugin's own, or null */
    static String line(int version, Path socket, X509Certificate certificate, boolean asksForMultiplexing)
            throws CertificateEncodingException {
        // Go refuses padding.
        Base64.Encoder base64 = Base64.getEncoder().withoutPadding();
        String encoded = certificate == null ? "" : base64.encodeToString(certificate.getEncoded());
        // Hosts before go-plugin 1.6 take a seventh field for part of the certificate.
        String multiplexing = asksForMultiplexing ? "|false" : "";
        return CORE_VERSION + "|" + version + "|unix|" + socket + "|grpc|" + encoded + multiplexing + "\n";
    }
}
