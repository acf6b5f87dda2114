"""Mutual TLS in front of a gRPC server.

Go hosts, and those that follow them, show a certificate on the curve P-521. The TLS inside grpcio (BoringSSL) does not take such signatures and
cannot be told to; Python's own (OpenSSL) does. So TLS ends here, and the bytes go on to a private socket of this process.
"""

import asyncio
import base64
import contextlib
import datetime
import os
import ssl
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CHUNK_BYTES = 256 * 1024


class Front:
    """Lets the host in, and nobody else."""

    def __init__(self, host_certificate: str) -> None:
        """`host_certificate` is PEM. Raises ValueError when it is not."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.set_alpn_protocols(["h2"])
        self._context.verify_mode = ssl.CERT_REQUIRED
        try:
            self._context.load_verify_locations(cadata=host_certificate)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(f"PLUGIN_CLIENT_CERT is no certificate: {error}") from error
        # Python takes a key from a file only; this one is the owner's, and gone at once.
        with tempfile.NamedTemporaryFile() as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
            file.flush()
            self._context.load_cert_chain(file.name)
        # For the handshake line. Go refuses padding.
        self.certificate = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")

    def listen(self, path: str, inner: str) -> None:
        """Relays connections on the socket `path` to the socket `inner`, from a thread of its own, as long as the process lives."""
        listening = threading.Event()
        problems: list[OSError] = []

        async def relay() -> None:
            try:
                server = await asyncio.start_unix_server(accept, path, ssl=self._context, limit=_CHUNK_BYTES)
            except OSError as error:
                problems.append(error)
                return
            finally:
                listening.set()
            await server.serve_forever()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer):
                back, forth = await asyncio.open_unix_connection(inner, limit=_CHUNK_BYTES)
                with contextlib.closing(forth):
                    # When one direction is over, so is the connection.
                    directions = [asyncio.create_task(_pump(reader, forth)), asyncio.create_task(_pump(back, writer))]
                    _, rest = await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
                    for task in rest:
                        task.cancel()

        threading.Thread(target=asyncio.run, args=[relay()], daemon=True).start()
        listening.wait()
        if problems:
            raise problems[0]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=30))
        .not_valid_after(now + datetime.timedelta(days=365 * 30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(usage, critical=False)
        # The host takes it for its own authority.
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
