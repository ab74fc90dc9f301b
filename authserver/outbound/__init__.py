"""Outbound connections: the one guarded HTTP client through which the server asks others (DESIGN 6.3), and streams for LDAP.

Owns which URLs and addresses may be asked, and the limits on what comes back. Knows nothing of who asks or why. Every URL
that came from outside (a webhook, a `jwks_uri`, metadata of a provider) is a way to have us call what is within
(security reference O18), so nothing else in the server opens a connection to a host that it was told of.
"""

from authserver.outbound.client import Outbound

__all__ = ["Outbound"]
