"""What speaks against a sign-in: signals from where it comes, judged against the browsers that signed in before. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from authserver.model.credentials import Device
from authserver.model.pools import RiskAction, RiskPolicy
from authserver.protection.agents import Agent, describe
from authserver.protection.places import Place

Signal = Literal["new_device", "new_network", "impossible_travel"]

ACTIONS: tuple[RiskAction, ...] = get_args(RiskAction)
"""From the weakest to the strongest."""

UNSURE = 100.0
"""Kilometres that a place may be wrong, where its file does not say."""

_EARTH = 6371.0
_LEAST_HOURS = 1 / 60


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a sign-in comes from: `device` is the digest of the browser cookie, `network` what guessing is counted by."""

    device: str | None
    network: str
    user_agent: str
    now: int


@dataclass(frozen=True, slots=True)
class Risk:
    """The signals of a sign-in, and the strongest thing that the pool wants done about them."""

    signals: tuple[Signal, ...]
    action: RiskAction


def assess(
    policy: RiskPolicy, known: Sequence[Device], visit: Visit, locate: Callable[[str], Place | None] = lambda _: None
) -> Risk:
    """The risk of a sign-in whose proofs were right.

    Args:
        policy: the pool's.
        known: the browsers that signed this user in before. None at all is the first sign-in, which nothing is wrong
            with: there is nothing to compare it with.
        visit: where it comes from.
        locate: the place of a network, if a GeoIP file tells it.
    """
    signals = tuple(_signals(policy, known, visit, locate)) if known else ()
    return Risk(signals, strongest(policy, signals))


def strongest(policy: RiskPolicy, signals: Iterable[str]) -> RiskAction:
    """The strongest action of the policy among those for these signals; what is no signal asks for nothing."""
    wanted = [_action(policy, signal) for signal in signals]
    return max(wanted, key=ACTIONS.index, default="ignore")


def _action(policy: RiskPolicy, signal: str) -> RiskAction:
    match signal:
        case "new_device":
            return policy.new_device
        case "new_network":
            return policy.new_network
        case "impossible_travel":
            return policy.impossible_travel
    return "ignore"


def _signals(
    policy: RiskPolicy, known: Sequence[Device], visit: Visit, locate: Callable[[str], Place | None]
) -> Iterable[Signal]:
    same = next((d for d in known if visit.device and d.id == visit.device), None)
    if same is None or not _alike(describe(same.user_agent), describe(visit.user_agent)):
        yield "new_device"
    if all(device.network != visit.network for device in known):
        yield "new_network"
        if _too_far(policy, max(known, key=lambda d: d.last_seen), visit, locate):
            yield "impossible_travel"


def _alike(before: Agent, now: Agent) -> bool:
    """Whether one cookie may have come from both: browsers get new versions, but a cookie does not change its browser or
    system, unless somebody took it along.
    """
    return all(not a or not b or a == b for a, b in ((before.browser, now.browser), (before.system, now.system)))


def _too_far(policy: RiskPolicy, last: Device, visit: Visit, locate: Callable[[str], Place | None]) -> bool:
    before, here = locate(last.network), locate(visit.network)
    if before is None or here is None:
        return False
    away = kilometres(before, here)
    if away is None:
        return False
    away -= (before.radius or UNSURE) + (here.radius or UNSURE)
    hours = max((visit.now - last.last_seen) / 3600, _LEAST_HOURS)
    return away > 0 and away / hours > policy.travel_speed


def kilometres(a: Place, b: Place) -> float | None:
    """The great-circle distance; None where coordinates are missing."""
    if a.latitude is None or a.longitude is None or b.latitude is None or b.longitude is None:
        return None
    north_a, north_b = math.radians(a.latitude), math.radians(b.latitude)
    half_north = math.sin((north_b - north_a) / 2) ** 2
    half_east = math.sin(math.radians(b.longitude - a.longitude) / 2) ** 2
    part = half_north + math.cos(north_a) * math.cos(north_b) * half_east
    return 2 * _EARTH * math.asin(math.sqrt(min(1.0, part)))
