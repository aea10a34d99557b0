"""Whose certificates are trusted: those that this machine trusts, loaded once for all connections."""

import functools
import ssl

import httpx2


@functools.cache
def trusted() -> ssl.SSLContext:
    """The system's authorities, or those of `SSL_CERT_FILE` or `SSL_CERT_DIR`; TLS 1.2 or later.

    Loading them takes 30 ms without a pause, and each client would do it anew.
    """
    context = httpx2.create_ssl_context()  # guard: whose certificates
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def no_trust() -> ssl.SSLContext:
    """For what never leaves this machine: no authority is loaded, so no certificate is trusted."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def pinned(certificate: bytes) -> ssl.SSLContext:
    """For one server of this machine: trusts the first certificate of this PEM, by whatever name, and no other."""
    from cryptography import x509  # 20 ms, for one way to the gateway
    from cryptography.hazmat.primitives.serialization import Encoding

    first = x509.load_pem_x509_certificates(certificate)[0]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # the names are those by which others ask; who holds the key of this very certificate is the one that is meant
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=first.public_bytes(Encoding.PEM).decode())
    return context
