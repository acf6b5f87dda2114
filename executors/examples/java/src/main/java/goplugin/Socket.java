package goplugin;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;

/** The file of the socket that the host connects to. */
final class Socket {
    /** What an address of the system holds, without the zero at its end. */
    private static final int MAX_PATH_BYTES = 107;

    private Socket() {}

    /** A path that is free. */
    static Path choose(Path directory) throws IOException {
        Path path = directory.toAbsolutePath().resolve("plugin" + Integer.toUnsignedString(new SecureRandom().nextInt()));
        int size = path.toString().getBytes().length;
        if (size <= MAX_PATH_BYTES) return path;
        throw new IOException("the socket's path has " + size + " bytes, and " + MAX_PATH_BYTES + " are the most: " + path);
    }

    /** Let this user connect, or the group too, if one is given. */
    static void protect(Path path, String group) throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(path, PosixFileAttributeView.class);
        if (view == null) return; // a system without such permissions
        if (group != null) {
            view.setGroup(path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByGroupName(group));
        }
        view.setPermissions(PosixFilePermissions.fromString(group == null ? "rw-------" : "rw-rw----"));
    }
}
