"""Which URLs and addresses may be asked. Pure.

The ranges are our own table rather than `ipaddress.is_global`, whose answers differ between versions of Python.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from authserver.effects import HttpForbidden

Address = IPv4Address | IPv6Address

LONGEST_URL = 2048

_PORTS = {"https": 443, "http": 80}
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_NETLOC = re.compile(r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.ASCII)
_NOT_IN_URLS = re.compile(r'[^\x21-\x7e]|[\\^`{|}<>"]')

# RFC 6890 and its registries, and what else answers to us alone.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network"; connects to this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598), and a metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform, though the range is a public one
        "169.254.0.0/16",  # link-local; metadata services of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays to 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that is handed out so far; the rest is loopback, link-local, unique local, multicast, and not assigned."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo (2001::/32) among them: nobody serves there
        "2001:db8::/32",
        "3fff::/20",  # documentation
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 2.1; 64:ff9b:1::/48 (RFC 8215) lies outside of 2000::/3
_SIX_TO_FOUR = IPv6Network("2002::/16")


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL taken apart. `host` is in lower case and without brackets, `target` the path with its query."""

    scheme: str
    host: str
    port: int
    target: str
    literal: Address | None = None

    @property
    def authority(self) -> str:
        """As the Host header spells it."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse(url: str) -> Destination:
    """The URL taken apart. Raises HttpForbidden for all but the plain spelling of an https or http URL.

    Refused are user names, fragments, trailing dots, names that are not in ASCII (they have an `xn--` form), and the many
    spellings of an IPv4 address that resolvers understand and checks overlook: 127.1, 2130706433, 0x7f.0.0.1, 0177.0.0.1.
    """
    if len(url) > LONGEST_URL or _NOT_IN_URLS.search(url):
        raise HttpForbidden("the URL is too long, or holds a character that must be escaped")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise HttpForbidden("that is not a URL") from None
    if parts.scheme not in _PORTS or not parts.netloc:
        raise HttpForbidden("the URL is neither https nor http")
    if "@" in parts.netloc or "#" in url:
        raise HttpForbidden("the URL holds a user name or a fragment")
    # By hand: `urlsplit` overlooks what stands between a bracket and the port.
    matched = _NETLOC.fullmatch(parts.netloc)
    if matched is None:
        raise HttpForbidden("the URL names no host in its plain spelling")
    port = int(matched["port"]) if matched["port"] else _PORTS[parts.scheme]
    if not 0 < port < 65536:
        raise HttpForbidden("the URL names a port that there is not")
    host = (matched["name"] or matched["literal"]).lower()
    literal = _literal(host, bracketed=matched["literal"] is not None)
    if literal is None and (len(host) > 253 or _NAME.fullmatch(host) is None):
        raise HttpForbidden("the URL names no host in its plain spelling")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme, str(literal or host), port, target, literal)


def _literal(host: str, *, bracketed: bool) -> Address | None:
    """The address that stands in place of a name. Raises HttpForbidden if it is not spelt in the usual way."""
    try:
        if bracketed:
            return IPv6Address(host)
        if _NUMBER.fullmatch(host.rpartition(".")[2]):  # then resolvers take the whole for an IPv4 address
            return IPv4Address(host)
    except ValueError:
        raise HttpForbidden("the URL spells an address in an unusual way") from None
    return None


def is_public(address: Address) -> bool:
    """Whether it belongs to the internet at large. An address that carries an IPv4 address is what that one is."""
    inner = carried(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC_6)


def carried(address: Address) -> IPv4Address | None:
    """The IPv4 address that packets to this IPv6 address end up at: mapped (RFC 4291 2.5.5.2), NAT64, 6to4."""
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address((number >> 80) & 0xFFFFFFFF)
    return None


class Allowed:
    """The hosts and networks of `outbound.allow`, exempt from the ban on private addresses and on plain http."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._hosts: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for entry in entries:
            try:
                self._networks.append(ip_network(entry))
            except ValueError:
                self._hosts.add(entry.lower())

    def host(self, name: str) -> bool:
        """Whether the host is exempt by its name."""
        return name in self._hosts

    def address(self, address: Address) -> bool:
        """Whether the address is, or the IPv4 address that is mapped into it."""
        same = {address}
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            same.add(address.ipv4_mapped)
        return any(a.version == n.version and a in n for a in same for n in self._networks)

    def permits(self, scheme: str, host: str, address: Address) -> bool:
        """Whether a connection to the address may be opened for the host."""
        if self.host(host) or self.address(address):
            return True
        return scheme in {"https", "ldaps"} and is_public(address)


def address_of(text: str) -> Address:
    """An address as a resolver gives it. A zone is cut off: what has one is link-local."""
    return ip_address(text.partition("%")[0])
