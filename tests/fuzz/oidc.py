"""What an OpenID provider says: discovery, keys, tokens and UserInfo, from the answer to an identity that can be kept.

The first byte of an input says which of the answers it is; all others are as they should be:

    d  the discovery document                 w  the keys
    a  the token endpoint's answer            s  its answer where it refuses
    q  the query by which the browser comes back
    t  the ID token, as it is                 c  its claims, signed      h  its header, signed
    u  UserInfo                               j  UserInfo as a token     k  the claims of that, signed
    l  a logout token, as it is               m  its claims, signed
    x  an ID token that should be encrypted
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import ec

from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.signin.identities import Carried
from federation.connectors.oidc import KIND, OidcConnector, build
from federation.errors import FederationError
from federation.mapping import map_identity
from federation.model import Callback, ExternalIdentity, GroupMapping, Handoff, IdentityProvider
from federation.ports import Response
from tests.federation.cases import ACME
from tests.federation.host import CALLBACK, NOW, make_host
from tests.federation.standins.openid import ADA, half_hash
from tests.fuzz.target import Always, Answers, Finding, Target, nothing_kept, run
from tests.fuzz.trees import json_mutator
from tests.resource_servers import forge

KINDS = b"dwasqtchujklmx"
_FORGED = b"tjlx"
_PROVIDER = IdentityProvider(
    "Acme",
    "oidc",
    client_id="client-1",
    settings={"issuer": ACME.issuer},
    groups=GroupMapping("groups", {"staff": "staff"}),
)
_ENCRYPTED = {"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A128GCM"}
_HANDOFF = Handoff(
    "the-state",
    "acme_Pool1",
    "Acme",
    CALLBACK,
    NOW - 20,
    max_age=3600,
    memo={"nonce": "the-nonce", "code_verifier": "v" * 43, "issuer": ACME.issuer},
)
_ACCESS = "an-access-token"
_JSON = {"content-type": "application/json"}
_EVENTS = "http://schemas.openid.net/event/backchannel-logout"


@cache
def _key() -> forge.Key:
    return forge.Key("ES256", "op-1", ec.derive_private_key(20_270_115, ec.SECP256R1()))


@cache
def _carried() -> Carried:
    return Carried(Sealer(bytes(32), SystemRandom()))


def _header() -> dict[str, Any]:
    return {"alg": "ES256", "kid": "op-1"}


def _claims() -> dict[str, Any]:
    return {
        **ADA,
        "iss": ACME.issuer,
        "aud": "client-1",
        "iat": NOW,
        "exp": NOW + 300,
        "nonce": "the-nonce",
        "at_hash": half_hash(_ACCESS, "ES256"),
        "auth_time": NOW - 5,
        "acr": "1",
        "amr": ["pwd"],
        "sid": "session",
        "groups": ["staff"],
    }


def _logout_claims() -> dict[str, Any]:
    return {
        "iss": ACME.issuer,
        "aud": "client-1",
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "one",
        "sub": "ada-0001",
        "sid": "session",
        "events": {_EVENTS: {}},
    }


def _document() -> dict[str, Any]:
    return {
        "issuer": ACME.issuer,
        "authorization_endpoint": ACME.authorization_endpoint,
        "token_endpoint": ACME.token_endpoint,
        "userinfo_endpoint": ACME.userinfo_endpoint,
        "jwks_uri": ACME.jwks_uri,
        "end_session_endpoint": ACME.end_session_endpoint,
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def _signed(claims: bytes | Mapping[str, Any], header: bytes | Mapping[str, Any] | None = None) -> str:
    return forge.compact(header if header is not None else _header(), claims, _key())


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def _answers(kind: str, rest: bytes) -> dict[str, Response]:
    token = _signed(_claims())
    if kind in "tx":
        token = rest.decode("latin-1")
    elif kind in "ch":
        token = _signed(rest) if kind == "c" else _signed(_claims(), rest)
    answer = _dumped({"access_token": _ACCESS, "token_type": "Bearer", "expires_in": 300, "id_token": token})
    said, as_json = _dumped({**ADA, "phone_number": "+821012345678"}), _JSON
    if kind in "jk":
        said, as_json = (rest if kind == "j" else _signed(rest).encode()), {"content-type": "application/jwt"}
    return {
        f"{ACME.issuer}/.well-known/openid-configuration": Response(
            200, rest if kind == "d" else _dumped(_document()), _JSON
        ),
        ACME.jwks_uri: Response(200, rest if kind == "w" else _dumped({"keys": [_key().jwk()]}), _JSON),
        ACME.token_endpoint: Response(400 if kind == "s" else 200, rest if kind in "as" else answer, _JSON),
        ACME.userinfo_endpoint: Response(200, rest if kind == "u" else said, as_json),
    }


def _connector(kind: str, rest: bytes) -> OidcConnector:
    host = make_host(
        Answers(_answers(kind, rest)),  # type: ignore[arg-type]  # all that is asked of a network
        {"client_secret": "s" * 40},
        documents=nothing_kept(),
        once=Always(),
    )
    more: dict[str, object] = dict(_ENCRYPTED) if kind == "x" else {}
    # An attribute that the ID token does not have, so that UserInfo is asked.
    mapping = {**_PROVIDER.attribute_mapping, "phone_number": "phone_number", "custom:deep": "a.b.0.c"}
    settings = {**_PROVIDER.settings, **more}
    provider = IdentityProvider("Acme", "oidc", client_id="client-1", settings=settings, attribute_mapping=mapping)
    return build(provider, host)


def believed(data: bytes) -> str | None:
    """What comes of an input; None if it is refused. Lets everything through that is not our own refusal."""
    kind, rest = chr(data[0]), data[1:]
    try:
        connector = _connector(kind, rest)
        if kind in "lm":
            token = rest.decode("latin-1") if kind == "l" else _signed(rest)
            ended = run(connector.signed_out(Callback("POST", (("logout_token", token),), "", NOW)))
            return f"{ended.subject!r} {ended.session!r}"
        query = rest.decode("latin-1") if kind == "q" else f"code=the-code&state=the-state&iss={ACME.issuer}"
        callback = Callback("GET", tuple(parse_qsl(query, keep_blank_values=True)), query, NOW)
        who = run(connector.finish(_HANDOFF, callback))
    except FederationError:
        return None
    _used(who)
    return repr(who)


def _used(who: ExternalIdentity) -> None:
    """What is done with an identity next: mapped to attributes, and kept while the sign-in goes on."""
    if not who.subject.strip():
        raise Finding("somebody without a name signed in")
    map_identity(_PROVIDER, {**KIND.mapping, "custom:deep": "groups.0"}, who)
    sealed = _carried().identity("acme_Pool1", who, with_sources=True)
    if _carried().identity_of("acme_Pool1", sealed) is None:
        raise Finding("what was kept does not open")
    _carried().upstream("acme_Pool1", who)


def one(data: bytes) -> bool:
    if len(data) < 2 or data[0] not in KINDS:
        return False
    found = believed(data)
    if found is not None and data[0] in _FORGED and found not in genuine():
        raise Finding(f"believed without a signature: {found}")
    return found is not None


@cache
def genuine() -> frozenset[str]:
    """What the seeds say: nobody without the keys can say anything else."""
    return frozenset(found for seed in seeds() if seed[0] in _FORGED and (found := believed(seed)) is not None)


@cache
def seeds() -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(_seeds()))


def _seeds() -> Iterator[bytes]:
    claims, token = _claims(), _signed(_claims())
    yield b"d" + _dumped(_document())
    yield b"w" + _dumped({"keys": [_key().jwk(), forge.key("RS256", "op-2").jwk(), forge.key("EdDSA", "op-3").jwk()]})
    yield b"a" + _dumped({"access_token": _ACCESS, "token_type": "Bearer", "id_token": token, "refresh_token": "r"})
    yield b"a" + b"access_token=an-access-token&token_type=bearer"
    for kind in (b"a", b"s"):
        yield kind + b'{"error": "invalid_grant", "error_description": "no such code: the-code"}'
        yield kind + b'{"error": {"code": 7, "message": "x", "type": "OAuthException"}}'
    yield b"s" + b"<html>"
    yield b"q" + f"code=the-code&state=the-state&iss={ACME.issuer}".encode()
    yield b"q" + b"error=access_denied&state=the-state&error_description=no"
    yield b"t" + token.encode()
    for alg in ("none", "HS256", "RS256", "ES384"):
        yield b"t" + _signed(claims, {**_header(), "alg": alg}).encode()
        yield b"h" + _dumped({**_header(), "alg": alg})
    yield b"t" + (token.rpartition(".")[0] + ".").encode()
    for changes in (
        {},
        {"aud": ["client-1", "other"], "azp": "client-1"},
        {"nonce": "other"},
        {"sub": "bob"},
        {"exp": NOW - 400},
        {"address": {"country": "KR"}, "a": {"b": [{"c": "deep"}]}, "email_verified": "true"},
    ):
        yield b"c" + _dumped({**claims, **changes})
    yield b"h" + _dumped(_header())
    yield b"h" + _dumped({**_header(), "crit": ["b64"], "b64": False, "jku": "https://x", "typ": "JWT"})
    yield b"u" + _dumped({**ADA, "phone_number": "+821012345678", "a": {"b": [{"c": 1}]}})
    yield b"u" + b'{"error": {"message": "x"}}'
    info = {"iss": ACME.issuer, "aud": "client-1", **ADA, "phone_number": "+821012345678"}
    yield b"j" + _signed(info).encode()
    yield b"k" + _dumped(info)
    yield b"l" + _signed(_logout_claims()).encode()
    yield b"m" + _dumped(_logout_claims())
    yield b"m" + _dumped({**_logout_claims(), "nonce": "n"})
    yield b"x" + token.encode()
    yield b"x" + _encrypted(token).encode()


def _encrypted(token: str) -> str:
    """The token encrypted for the pool's elliptic key."""
    from joserfc import jwe
    from joserfc.jwk import ECKey

    from tests.federation.host import key_pair

    key = ECKey.import_key(key_pair("EC").private_key)
    header = {"alg": "ECDH-ES", "enc": "A128GCM", "cty": "JWT"}
    return jwe.encrypt_compact(header, token.encode(), key, algorithms=["ECDH-ES", "A128GCM"])


WORDS = (
    b'"iss"',
    b'"aud"',
    b'"azp"',
    b'"nonce"',
    b'"exp"',
    b'"sub"',
    b'"crit"',
    b'"kid"',
    b'"keys"',
    b'"email_verified"',
    b"1e400",
    b"NaN",
    b"\\ud800",
    b"\\u0000",
    b"null",
    b"[[[[",
    b"18446744073709551616",
    b"&state=",
    b"&code=",
    b"&iss=",
    b"error=",
)

TARGET = Target("oidc", seeds, one, WORDS, json_mutator(1, kinds=KINDS))
