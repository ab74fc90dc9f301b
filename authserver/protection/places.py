"""Where an address is, by a GeoIP file that the operator brings (MaxMind DB format, city or country)."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from authserver.errors import Invalid, StoreUnavailable
from authserver.protection.replaceable import Replaceable

SETTING = "protection.geoip_file"


@dataclass(frozen=True, slots=True)
class Place:
    """A place on earth: the country's code (ISO 3166-1), the city's name in English, coordinates in degrees, and within
    how many kilometres they are right.
    """

    country: str = ""
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius: float | None = None

    @property
    def words(self) -> str:
        """Such as "KR Seoul"."""
        return " ".join(part for part in (self.country, self.city) if part)

    def __str__(self) -> str:
        return self.words


class _Reader(Protocol):
    def get(self, address: str, /) -> object: ...


class Places:
    """Finds places.

    Args:
        path: the GeoIP file; None finds nothing.
        complain: told in a sentence why a file that replaced it cannot be used.

    Raises:
        Invalid: if the file cannot be used, or the extra `geo` is missing.
    """

    def __init__(self, path: Path | None = None, complain: Callable[[str], None] = lambda _: None) -> None:
        self._file = Replaceable(path, _open, complain) if path is not None else None

    def find(self, network: str) -> Place | None:
        """The place of an address, or of a network such as 2001:db8::/64. None if nothing is known of it."""
        if self._file is None:
            return None
        try:
            address = str(ipaddress.ip_interface(network).ip)
        except ValueError:
            return None
        try:
            return _place(self._file.get().get(address))
        except (ValueError, StoreUnavailable):
            # An IPv6 address in a file of IPv4 addresses, or a file damaged while in use, of which `complain` has told:
            # a place is a hint, and nobody is kept from signing in for want of one.
            return None


def _open(path: Path) -> _Reader:
    if find_spec("maxminddb") is None:
        raise Invalid(f"`{SETTING}` needs a library that is not installed: pip install 'poolgate[geo]'.", field=SETTING)
    import maxminddb

    try:
        return maxminddb.open_database(str(path))
    except OSError as error:
        raise Invalid(f"`{SETTING}`: {path} cannot be read: {error.strerror or error}.", field=SETTING) from None
    except (maxminddb.InvalidDatabaseError, ValueError):
        raise Invalid(
            f"`{SETTING}`: {path} is no GeoIP file in the MaxMind DB format (.mmdb), or is damaged.", field=SETTING
        ) from None


def _place(record: object) -> Place | None:
    if not isinstance(record, Mapping):
        return None
    country, city, location = (_part(record, name) for name in ("country", "city", "location"))
    code = country.get("iso_code") or _part(record, "registered_country").get("iso_code")
    place = Place(
        country=code if isinstance(code, str) else "",
        city=_text(_part(city, "names").get("en")),
        latitude=_number(location.get("latitude"), 90),
        longitude=_number(location.get("longitude"), 180),
        radius=_number(location.get("accuracy_radius"), 20_000),
    )
    return place if place != Place() else None


def _part(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object, most: float) -> float | None:
    return float(value) if isinstance(value, (int, float)) and abs(value) <= most else None
