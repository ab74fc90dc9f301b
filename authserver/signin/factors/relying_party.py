"""Whom passkeys are made for: the RP ID and the origin (WebAuthn 4, 13.4.9)."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """`id` is a host name; a passkey made for one works on no other. `origin` is what browsers sign."""

    id: str
    origin: str

    @classmethod
    def of(cls, base_url: str) -> "RelyingParty":
        """The relying party of a public origin such as `https://login.example`. Pools on one origin share it, so a
        person may be offered another pool's passkey there, which is then refused; a domain of its own parts a pool.
        """
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        port = "" if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
        return cls(host, f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}")

    @property
    def usable(self) -> bool:
        """Whether browsers make passkeys for it: not for IP addresses (WebAuthn 5.1.3, step 8), and off loopback not
        without TLS.
        """
        try:
            ipaddress.ip_address(self.id)
        except ValueError:
            return self.origin.startswith("https:") or self.id == "localhost" or self.id.endswith(".localhost")
        return False
