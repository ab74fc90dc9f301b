"""One object that says whether a token is good."""

from typing import Any

import pytest

from resource_servers.errors import ExpiredToken, InvalidToken, KeysUnavailable, RevokedToken, UnknownKey
from resource_servers.fetching import Fetched
from resource_servers.jwks import FixedKeys, JwksCache
from resource_servers.testing import ToyIssuer
from resource_servers.tokens import AccessToken
from resource_servers.validator import Validator
from tests.resource_servers.forge import AUDIENCE, ISSUER, NOW, keys, token

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def validator(**changes: Any) -> Validator:
    settings = {"issuer": ISSUER, "audience": AUDIENCE, "keys": FixedKeys(keys()), "clock": lambda: NOW}
    return Validator(**{**settings, **changes})


async def test_a_good_token_is_validated() -> None:
    assert (await validator().validate(token())).client_id == "web"


async def test_the_settings_reach_the_checks() -> None:
    for wrong in ({"issuer": ISSUER + "/"}, {"audience": "other"}, {"client_ids": ["app"]}, {"algorithms": ["RS256"]}):
        with pytest.raises(InvalidToken):
            await validator(**wrong).validate(token())
    with pytest.raises(InvalidToken):
        await validator(profile="cognito").validate(token())
    with pytest.raises(ExpiredToken):
        await validator(clock=lambda: NOW + 900).validate(token())
    assert await validator(clock=lambda: NOW + 900, leeway=1).validate(token())


async def test_a_rotation_goes_unnoticed_by_callers() -> None:
    clock = Clock()
    issuer = ToyIssuer(clock=clock)
    valid = issuer.validator()
    old = issuer.token()
    assert await valid.validate(old)
    clock.now += 60
    issuer.rotate()
    assert await valid.validate(issuer.token())
    assert await valid.validate(old)
    assert len(issuer.fetched) == 4  # discovery and keys, twice


async def test_an_unknown_key_is_refused_after_one_more_look() -> None:
    clock = Clock()
    issuer, stranger = ToyIssuer(clock=clock), ToyIssuer(clock=clock)
    stranger.rotate()
    valid = issuer.validator()
    await valid.validate(issuer.token())
    clock.now += 60
    for _ in range(20):
        with pytest.raises(UnknownKey) as refusal:
            await valid.validate(stranger.token())
        assert refusal.value.kid == "toy-2"
    assert len(issuer.fetched) == 4


async def test_a_withdrawn_key_is_refused_when_the_copy_is_old() -> None:
    clock = Clock()
    issuer = ToyIssuer(clock=clock)
    valid = issuer.validator()
    old = issuer.token()
    await valid.validate(old)
    issuer.rotate(keep_old=False)
    clock.now += 300
    with pytest.raises(UnknownKey):
        await valid.validate(old)
    assert await valid.validate(issuer.token())


async def test_an_issuer_that_does_not_answer_lets_nobody_in() -> None:
    async def nobody(url: str) -> Fetched:
        raise OSError("no route to host")

    valid = validator(keys=JwksCache(ISSUER, fetch=nobody))
    with pytest.raises(KeysUnavailable):
        await valid.validate(token())


async def test_a_revoked_token_is_refused() -> None:
    gone = {"grant"}

    def is_revoked(access: AccessToken) -> bool:
        return access.jti.partition(".")[0] in gone

    async def is_revoked_elsewhere(access: AccessToken) -> bool:
        return is_revoked(access)

    for hook in (is_revoked, is_revoked_elsewhere):
        with pytest.raises(RevokedToken):
            await validator(is_revoked=hook).validate(token())
        assert await validator(is_revoked=hook).validate(token(jti="other.token"))


async def test_a_revocation_list_that_fails_lets_nobody_in() -> None:
    def is_revoked(access: AccessToken) -> bool:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await validator(is_revoked=is_revoked).validate(token())


async def test_only_tokens_that_hold_are_looked_up() -> None:
    asked: list[str] = []
    valid = validator(is_revoked=lambda access: bool(asked.append(access.jti)))
    with pytest.raises(ExpiredToken):
        await valid.validate(token(exp=NOW))
    assert asked == []
    await valid.validate(token())
    assert asked == ["grant.token"]


@pytest.mark.parametrize(
    "settings",
    [
        {"audience": None},
        {"audience": ""},
        {"audience": []},
        {"audience": None, "client_ids": ["web"]},
        {"audience": None, "profile": "cognito"},
        {"audience": None, "profile": "cognito", "client_ids": []},
    ],
)
async def test_a_validator_that_takes_anyone_s_tokens_is_not_made(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="audience"):
        validator(**settings)
    assert validator(audience=None, profile="cognito", client_ids=["web"])


async def test_the_keys_are_discovered_by_default() -> None:
    with pytest.raises(ValueError, match="https"):
        Validator(issuer="http://login.example", audience=AUDIENCE)
    assert Validator(issuer=ISSUER, audience=AUDIENCE)
