package goplugin;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;

/** The little of DER that a certificate needs. */
final class Der {
    private static final int INTEGER = 0x02;
    private static final int BIT_STRING = 0x03;
    private static final int OCTET_STRING = 0x04;
    private static final int OBJECT_IDENTIFIER = 0x06;
    private static final int UTF8_STRING = 0x0c;
    private static final int SEQUENCE = 0x30;
    private static final int SET = 0x31;

    private Der() {}

    static byte[] sequence(byte[]... parts) {
        return tagged(SEQUENCE, parts);
    }

    static byte[] set(byte[]... parts) {
        return tagged(SET, parts);
    }

    static byte[] integer(BigInteger value) {
        return tagged(INTEGER, value.toByteArray());
    }

    static byte[] text(String value) {
        return tagged(UTF8_STRING, value.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    static byte[] octets(byte[] content) {
        return tagged(OCTET_STRING, content);
    }

    /** @param unused how many bits of the last byte do not count */
    static byte[] bits(int unused, byte[] content) {
        return tagged(BIT_STRING, new byte[] {(byte) unused}, content);
    }

    static byte[] objectIdentifier(String dotted) {
        String[] arcs = dotted.split("\\.");
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        content.write(Integer.parseInt(arcs[0]) * 40 + Integer.parseInt(arcs[1]));
        for (int index = 2; index < arcs.length; index++) {
            int arc = Integer.parseInt(arcs[index]);
            for (int shift = 28; shift > 0; shift -= 7) {
                if (arc >> shift != 0) content.write(0x80 | arc >> shift & 0x7f);
            }
            content.write(arc & 0x7f);
        }
        return tagged(OBJECT_IDENTIFIER, content.toByteArray());
    }

    static byte[] tagged(int tag, byte[]... parts) {
        int length = 0;
        for (byte[] part : parts) length += part.length;
        ByteArrayOutputStream out = new ByteArrayOutputStream(length + 6);
        out.write(tag);
        if (length < 0x80) {
            out.write(length);
        } else {
            byte[] size = BigInteger.valueOf(length).toByteArray();
            int first = size[0] == 0 ? 1 : 0;
            out.write(0x80 | size.length - first);
            out.write(size, first, size.length - first);
        }
        for (byte[] part : parts) out.writeBytes(part);
        return out.toByteArray();
    }
}
