"""Where a try comes from."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The peer's address, the digest of the browser cookie if there is one, what the browser calls itself, and the
    language its person reads.
    """

    address: str
    device: str | None = None
    user_agent: str = ""
    language: str = "en"

    @property
    def network(self) -> str:
        return network_of(self.address)


def network_of(address: str) -> str:
    """What is counted: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:  # how a socket that takes both families names an IPv4 peer
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
