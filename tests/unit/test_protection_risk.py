"""Signals of risk: what is new about a sign-in, and what the pool does about it."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.model.credentials import Device
from authserver.model.pools import RiskPolicy
from authserver.protection.places import Place
from authserver.protection.risk import ACTIONS, Risk, Visit, assess, kilometres, strongest

NOW = 1_800_000_000
HOUR = 3600
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
NEWER_FIREFOX = FIREFOX.replace("128", "140")
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.0 Mobile/15E148 Safari/604.1"
)
SEOUL, BUSAN, BERLIN = (
    Place("KR", "Seoul", 37.57, 126.98),
    Place("KR", "Busan", 35.18, 129.08),
    Place("DE", "", 52.52, 13.40),
)
NETWORKS = {"192.0.2.1": SEOUL, "192.0.2.2": BUSAN, "198.51.100.1": BERLIN, "203.0.113.1": Place("DE")}
POLICY = RiskPolicy(new_device="notify", new_network="require_factor", impossible_travel="block")
LAPTOP = Device("laptop", "ada", FIREFOX, "192.0.2.1", last_seen=NOW - HOUR)
HOME = Visit("laptop", "192.0.2.1", FIREFOX, NOW)


def risk(visit: Visit, *known: Device, policy: RiskPolicy = POLICY) -> Risk:
    return assess(policy, known, visit, NETWORKS.get)


def test_a_known_browser_at_a_known_network_shows_nothing() -> None:
    assert risk(HOME, LAPTOP) == Risk((), "ignore")


@pytest.mark.parametrize("device", ["phone", None, ""])
def test_a_browser_that_never_signed_in_is_new(device: str | None) -> None:
    assert risk(replace(HOME, device=device), LAPTOP) == Risk(("new_device",), "notify")


def test_the_first_sign_in_of_all_is_nothing_to_be_told_of() -> None:
    assert risk(Visit(None, "198.51.100.1", IPHONE, NOW)) == Risk((), "ignore")


def test_a_network_that_was_never_seen_is_new() -> None:
    assert risk(replace(HOME, network="192.0.2.2"), LAPTOP) == Risk(("new_network",), "require_factor")
    assert risk(replace(HOME, network="unknown"), LAPTOP).signals == ("new_network",)


def test_a_network_is_known_by_whichever_browser_was_there() -> None:
    phone = Device("phone", "ada", IPHONE, "192.0.2.2", last_seen=NOW - 2 * HOUR)
    assert risk(replace(HOME, network="192.0.2.2"), LAPTOP, phone).signals == ()


def test_a_cookie_that_changed_its_browser_is_not_known_any_more() -> None:
    """Who carries a cookie away brings another browser along."""
    assert risk(replace(HOME, user_agent=IPHONE), LAPTOP).signals == ("new_device",)


@pytest.mark.parametrize("user_agent", [NEWER_FIREFOX, "", "something nobody knows"])
def test_a_cookie_whose_browser_was_updated_is(user_agent: str) -> None:
    assert risk(replace(HOME, user_agent=user_agent), LAPTOP).signals == ()


# -------------------------------------------------------------------------------------------------------- travel


def test_nobody_goes_from_seoul_to_berlin_in_an_hour() -> None:
    there = replace(HOME, network="198.51.100.1")
    assert risk(there, LAPTOP) == Risk(("new_network", "impossible_travel"), "block")
    rested = replace(LAPTOP, last_seen=NOW - 12 * HOUR)
    assert risk(there, rested) == Risk(("new_network",), "require_factor")


def test_how_fast_is_impossible_is_the_pools_to_say() -> None:
    there = replace(HOME, network="198.51.100.1")
    rested = replace(LAPTOP, last_seen=NOW - 12 * HOUR)
    assert "impossible_travel" in risk(there, rested, policy=replace(POLICY, travel_speed=500)).signals


def test_from_seoul_to_busan_in_an_hour_may_be_an_error_of_the_file() -> None:
    assert risk(replace(HOME, network="192.0.2.2"), LAPTOP).signals == ("new_network",)
    minutes = replace(LAPTOP, last_seen=NOW - 5 * 60)
    assert "impossible_travel" in risk(replace(HOME, network="192.0.2.2"), minutes).signals


def test_an_error_that_the_file_admits_is_taken_off() -> None:
    networks = {"192.0.2.1": replace(SEOUL, radius=5.0), "198.51.100.1": replace(BERLIN, radius=9000.0)}
    there = replace(HOME, network="198.51.100.1")
    assert assess(POLICY, [LAPTOP], there, networks.get).signals == ("new_network",)
    sure = {**networks, "198.51.100.1": replace(BERLIN, radius=5.0)}
    assert "impossible_travel" in assess(POLICY, [LAPTOP], there, sure.get).signals


def test_a_known_network_is_reached_without_travelling() -> None:
    """A person with one browser at home and one in an office abroad uses both within a minute."""
    office = Device("office", "ada", FIREFOX, "198.51.100.1", last_seen=NOW - 60)
    assert risk(HOME, LAPTOP, office).signals == ()


def test_it_is_the_latest_sign_in_that_counts() -> None:
    long_ago = replace(LAPTOP, last_seen=NOW - 1000 * HOUR)
    just_now = Device("phone", "ada", IPHONE, "192.0.2.2", last_seen=NOW - 60)
    assert "impossible_travel" in risk(replace(HOME, network="198.51.100.1"), long_ago, just_now).signals
    assert "impossible_travel" not in risk(replace(HOME, network="198.51.100.1"), long_ago).signals


@pytest.mark.parametrize("network", ["203.0.113.1", "10.0.0.1"])
def test_a_place_without_coordinates_is_no_travel(network: str) -> None:
    assert risk(replace(HOME, network=network), LAPTOP).signals == ("new_network",)
    assert risk(HOME, replace(LAPTOP, network=network)).signals == ("new_network",)


def test_a_clock_that_went_back_is_no_division_by_zero() -> None:
    ahead = replace(LAPTOP, last_seen=NOW + 100)
    assert "impossible_travel" in risk(replace(HOME, network="198.51.100.1"), ahead).signals


def test_distances_are_those_of_the_atlas() -> None:
    assert kilometres(SEOUL, BERLIN) == pytest.approx(8130, rel=0.01)
    assert kilometres(SEOUL, BUSAN) == pytest.approx(325, rel=0.02)
    assert kilometres(SEOUL, SEOUL) == 0
    assert kilometres(Place(latitude=0.0, longitude=0.0), Place(latitude=0.0, longitude=180.0)) == pytest.approx(
        20015, 0.01
    )
    assert kilometres(SEOUL, Place("DE")) is None


coordinates = st.builds(Place, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180))


@given(coordinates, coordinates)
def test_a_distance_is_the_same_there_and_back_and_never_beyond_half_the_earth(a: Place, b: Place) -> None:
    there, back = kilometres(a, b), kilometres(b, a)
    assert there is not None
    assert back is not None
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= 20_016


# ------------------------------------------------------------------------------------------------------- actions


def test_the_strongest_action_wins() -> None:
    assert ACTIONS == ("ignore", "notify", "require_factor", "block")
    for device, network, travel in product(ACTIONS, repeat=3):
        policy = RiskPolicy(new_device=device, new_network=network, impossible_travel=travel)
        wanted = ACTIONS[max(map(ACTIONS.index, (device, network, travel)))]
        assert strongest(policy, ("new_device", "new_network", "impossible_travel")) == wanted
        assert strongest(policy, ("new_network",)) == network
        assert strongest(policy, ()) == "ignore"


def test_a_signal_of_a_later_version_asks_for_nothing() -> None:
    assert strongest(POLICY, ("full_moon",)) == "ignore"
    assert strongest(POLICY, ("full_moon", "new_device")) == "notify"
