"""Places of addresses, from a GeoIP file that the operator brings and replaces."""

import sys
from pathlib import Path

import pytest

from authserver.errors import Invalid
from authserver.protection.places import Place, Places
from tests.unit.geoip_file import write_geoip

SEOUL = {
    "country": {"iso_code": "KR"},
    "city": {"names": {"en": "Seoul", "ko": "서울특별시"}},
    "location": {"latitude": 37.5111, "longitude": 126.9743, "accuracy_radius": 200},
}
PLACES = {
    "203.0.113.0/24": SEOUL,
    "198.51.100.0/25": {"country": {"iso_code": "DE"}},
    "198.51.100.128/25": {"registered_country": {"iso_code": "FR"}, "location": {"latitude": 999.0, "longitude": "x"}},
    "192.0.2.0/24": {"autonomous_system_number": 64500},
    "2001:db8::/32": {"country": {"iso_code": "JP"}, "city": {"names": {"en": "Osaka"}}},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_geoip(tmp_path / "city.mmdb", PLACES)


def test_an_address_has_its_place(file: Path) -> None:
    assert Places(file).find("203.0.113.77") == Place("KR", "Seoul", 37.5111, 126.9743, 200.0)
    assert str(Places(file).find("203.0.113.77")) == "KR Seoul"


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("2001:db8:1:2::/64", "JP Osaka"),
        ("2001:db8:1:2::5", "JP Osaka"),
        ("198.51.100.1", "DE"),
        ("198.51.100.200", "FR"),
        ("192.0.2.1", None),
        ("10.0.0.1", None),
        ("::1", None),
        ("unix:", None),
        ("", None),
    ],
)
def test_a_network_has_what_the_file_knows_of_it(file: Path, network: str, words: str | None) -> None:
    found = Places(file).find(network)
    assert (found.words if found is not None else None) == words
    if words == "FR":
        assert found is not None
        assert (found.latitude, found.longitude) == (None, None)


def test_without_a_file_nothing_has_a_place() -> None:
    assert Places().find("203.0.113.77") is None


def test_a_file_of_ipv4_alone_knows_no_ipv6(tmp_path: Path) -> None:
    places = Places(write_geoip(tmp_path / "four.mmdb", {"203.0.113.0/24": SEOUL}, version=4))
    assert str(places.find("203.0.113.1")) == "KR Seoul"
    assert places.find("2001:db8::1") is None


def test_a_missing_file_is_refused_with_the_name_of_the_setting(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"`protection.geoip_file`: .*none.mmdb cannot be read: No such file"):
        Places(tmp_path / "none.mmdb")


@pytest.mark.parametrize("content", [b"", b"country,city\n", b"\0" * 5000])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "city.csv").write_bytes(content)
    with pytest.raises(Invalid, match="is no GeoIP file in the MaxMind DB format"):
        Places(tmp_path / "city.csv")


def test_without_its_library_the_way_to_it_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    monkeypatch.setattr("authserver.protection.places.find_spec", lambda _name: None)
    with pytest.raises(Invalid, match=r"pip install 'poolgate\[geo\]'"):
        Places(file)


def test_a_file_that_is_replaced_is_read_again(file: Path) -> None:
    places = Places(file)
    assert str(places.find("203.0.113.77")) == "KR Seoul"
    fresh = write_geoip(file.with_suffix(".new"), {"203.0.113.0/24": {"country": {"iso_code": "AU"}}})
    fresh.replace(file)
    assert str(places.find("203.0.113.77")) == "AU"


def test_one_that_cannot_be_used_is_told_once_and_the_old_one_stays(file: Path) -> None:
    told: list[str] = []
    places = Places(file, told.append)
    (file.parent / "bad").write_bytes(b"no database")
    (file.parent / "bad").replace(file)
    for _ in range(3):
        assert str(places.find("203.0.113.77")) == "KR Seoul"
    assert len(told) == 1
    assert "is no GeoIP file" in told[0]
    file.unlink()
    assert str(places.find("203.0.113.77")) == "KR Seoul"
    write_geoip(file, {"203.0.113.0/24": {"country": {"iso_code": "AU"}}})
    assert str(places.find("203.0.113.77")) == "AU"


def test_one_that_was_overwritten_where_it_lay_is_not_touched_again(file: Path) -> None:
    """Its pages are gone: reading them would end the process."""
    told: list[str] = []
    places = Places(file, told.append)
    assert str(places.find("203.0.113.77")) == "KR Seoul"
    file.write_bytes(b"")
    assert places.find("203.0.113.77") is None
    assert len(told) == 1
    write_geoip(file.with_suffix(".new"), PLACES).replace(file)
    assert str(places.find("203.0.113.77")) == "KR Seoul"
