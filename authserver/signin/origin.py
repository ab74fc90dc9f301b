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
        """What is counted: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:  # how a socket that takes both families names an IPv4 peer
                return str(address.ipv4_mapped)
            return str(ipaddress.ip_network((address, 64), strict=False))
        return self.address
