"""No change to a valid token is ever accepted, and nothing sent to the reader makes it stumble."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resource_servers.encoding import decode_base64url
from resource_servers.errors import InvalidToken, Refused
from resource_servers.tokens import AccessToken, validate_access_token
from tests.resource_servers.forge import AUDIENCE, CLAIMS, HEADER, ISSUER, NOW, b64, compact, key, keys, token

ALGORITHMS = ("ES256", "RS256", "Ed25519")
TOKENS = {alg: token(signing=key(alg)) for alg in ALGORITHMS}
PUBLISHED = keys(*(key(alg) for alg in ALGORITHMS))
CHARACTERS = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é")


def validate(jwt: str) -> AccessToken:
    return validate_access_token(jwt, PUBLISHED, issuer=ISSUER, audience=AUDIENCE, now=NOW)


def outcome(jwt: str) -> AccessToken | Refused:
    try:
        return validate(jwt)
    except Refused as refusal:
        return refusal


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A valid token, and the same with one to three small changes."""
    good = TOKENS[draw(st.sampled_from(ALGORITHMS))]
    bad = good
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(bad)))
        to = draw(st.integers(at, min(len(bad), at + 4)))
        bad = bad[:at] + draw(st.text(CHARACTERS, max_size=3)) + bad[to:]
    return good, bad


@given(mutations())
def test_a_changed_token_is_never_accepted(pair: tuple[str, str]) -> None:
    good, bad = pair
    if bad == good:
        validate(bad)
    else:
        with pytest.raises(InvalidToken):
            validate(bad)


@given(st.sampled_from(ALGORITHMS), st.data())
def test_no_single_bit_can_be_flipped(alg: str, data: st.DataObject) -> None:
    good = TOKENS[alg]
    parts = [decode_base64url(part.encode()) for part in good.split(".")]
    which = data.draw(st.integers(0, 2))
    bit = data.draw(st.integers(0, len(parts[which]) * 8 - 1))
    flipped = bytearray(parts[which])
    flipped[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(flipped)
    with pytest.raises(InvalidToken):
        validate(".".join(map(b64, parts)))
    assert validate(good)


@given(st.sampled_from(ALGORITHMS), st.sampled_from(ALGORITHMS), st.sampled_from(ALGORITHMS))
def test_parts_of_different_tokens_never_fit(head: str, payload: str, signature: str) -> None:
    mixed = ".".join(TOKENS[alg].split(".")[n] for n, alg in enumerate((head, payload, signature)))
    if mixed in TOKENS.values():
        assert validate(mixed)
    else:
        with pytest.raises(InvalidToken):
            validate(mixed)


@given(st.text(max_size=300) | st.from_regex(r"[\w-]{0,80}(\.[\w-]{0,80}){0,5}", fullmatch=True))
@example("\ud800")
@example("a" * 5)
def test_any_text_is_refused_in_an_orderly_way(text: str) -> None:
    with pytest.raises(InvalidToken):
        validate(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "jwk", "x5c", "zip"]), JSON))
def test_any_header_is_read_or_refused(changes: dict[str, Any]) -> None:
    header = json.dumps({**HEADER, **changes}).encode()
    read = outcome(compact(header, CLAIMS, key()))
    assert isinstance(read, AccessToken) or read.reason.isprintable()


@given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf"]), JSON))
def test_any_claims_are_read_or_refused(changes: dict[str, Any]) -> None:
    """What is accepted has the types that it says it has."""
    claims = json.dumps({**CLAIMS, **changes}).encode()
    access = outcome(compact(HEADER, claims, key()))
    if isinstance(access, Refused):
        assert access.reason.isprintable()
        return
    assert access.issuer == ISSUER
    assert access.expires_at > NOW
    assert access.issued_at <= NOW + 60
    assert all(type(text) is str and text for text in (access.subject, access.client_id, access.jti))
    assert all(type(word) is str for word in access.scopes | access.groups)
