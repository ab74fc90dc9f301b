"""The static files of the pages, under names that hold their own hash: what is at a name never changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `name` is `pages.<hash>.css`, the last segment of its URL; `source` is `pages.css`."""

    name: str
    source: str
    body: bytes
    content_type: str
    digest: str

    @property
    def headers(self) -> dict[str, str]:
        """What it is served with. A drawing opened by itself may load and run nothing."""
        return {
            "Content-Type": self.content_type,
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": f'"{self.digest}"',
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        }


def load_assets(folder: Path | None = None) -> Mapping[str, Asset]:
    """Every static file by its hashed name."""
    assets = {}
    for path in sorted((folder or Path(__file__).parent / "static").iterdir()):
        if path.suffix in _CONTENT_TYPES:
            body = path.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:16]
            name = f"{path.stem}.{digest}{path.suffix}"
            assets[name] = Asset(name, path.name, body, _CONTENT_TYPES[path.suffix], digest)
    return MappingProxyType(assets)
