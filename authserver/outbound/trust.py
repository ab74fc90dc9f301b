"""Which authorities vouch for the certificates of those we connect to."""

import ssl
from pathlib import Path


def system_trust() -> ssl.SSLContext:
    """The system's certificate authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), or certifi's where a bare
    container has none.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not (paths.capath and any(Path(paths.capath).iterdir())):
        import certifi

        context.load_verify_locations(certifi.where())
    return context
