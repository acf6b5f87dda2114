package goplugin;

import static goplugin.Der.bits;
import static goplugin.Der.integer;
import static goplugin.Der.objectIdentifier;
import static goplugin.Der.octets;
import static goplugin.Der.sequence;
import static goplugin.Der.set;
import static goplugin.Der.tagged;
import static goplugin.Der.text;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;

/**
 * A key and a certificate of this process's own. Java can read certificates, but not make them.
 *
 * <p>It is like the one Go makes, except for the curve, as P-256 is the one that every TLS library knows, and for its time: it lives as long
 * as the process does.
 */
record Identity(PrivateKey key, X509Certificate certificate) {
    private static final byte[] TRUE = {0x01, 0x01, (byte) 0xff};

    static Identity create() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();

        byte[] algorithm = sequence(objectIdentifier("1.2.840.10045.4.3.2")); // ecdsa-with-SHA256
        byte[] name = sequence(set(sequence(objectIdentifier("2.5.4.3"), text("localhost")))); // commonName
        byte[] toBeSigned = sequence(
                tagged(0xa0, integer(BigInteger.TWO)), // version 3
                integer(new BigInteger(127, new SecureRandom())),
                algorithm,
                name,
                sequence(tagged(0x17, ascii("000101000000Z")), tagged(0x18, ascii("99991231235959Z"))),
                name,
                pair.getPublic().getEncoded(),
                tagged(0xa3, extensions()));
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(pair.getPrivate());
        signature.update(toBeSigned);
        byte[] certificate = sequence(toBeSigned, algorithm, bits(0, signature.sign()));
        return new Identity(pair.getPrivate(), parse(certificate));
    }

    /** @param encoded in PEM or DER */
    static X509Certificate parse(byte[] encoded) throws GeneralSecurityException {
        return (X509Certificate)
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(encoded));
    }

    private static byte[] extensions() {
        // Hosts use it as the root of their trust and as the server's own at once.
        byte[] isAuthority = sequence(TRUE);
        // digitalSignature, keyEncipherment, keyAgreement, keyCertSign
        byte[] keyUsage = bits(2, new byte[] {(byte) 0b1010_1100});
        byte[] purposes = sequence(
                objectIdentifier("1.3.6.1.5.5.7.3.2"), // clientAuth
                objectIdentifier("1.3.6.1.5.5.7.3.1")); // serverAuth
        byte[] dnsName = sequence(tagged(0x82, ascii("localhost")));
        return sequence(
                sequence(objectIdentifier("2.5.29.19"), TRUE, octets(isAuthority)),
                sequence(objectIdentifier("2.5.29.15"), TRUE, octets(keyUsage)),
                sequence(objectIdentifier("2.5.29.37"), octets(purposes)),
                sequence(objectIdentifier("2.5.29.17"), octets(dnsName)));
    }

    private static byte[] ascii(String text) {
        return text.getBytes(US_ASCII);
    }
}
