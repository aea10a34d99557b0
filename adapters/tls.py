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
