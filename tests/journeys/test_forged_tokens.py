"""Tokens that come back to us: forged, mangled, mistaken for one another. At UserInfo, and as hints at two endpoints."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from authserver.crypto.signing import Signer, generate
from tests.journeys.house import (
    ADA,
    CLIENTS,
    ISSUER,
    POOL,
    SIGNED_OUT,
    Browser,
    House,
    answered,
    client,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Workshop:
    """A good token's parts, and the means to put together bad ones."""

    at: House
    browser: Browser
    place: str
    signer: Signer
    header: dict[str, Any]
    claims: dict[str, Any]

    def token(
        self,
        header: Mapping[str, Any] | bytes | None = None,
        claims: Mapping[str, Any] | bytes | None = None,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> str:
        """A compact JWS; mappings change members of the good one's, None values drop them."""
        message = f"{b64(self._json(self.header, header))}.{b64(self._json(self.claims, claims))}".encode()
        signature = (sign or self.signer._signature)(message)
        return f"{message.decode()}.{b64(signature)}"

    @staticmethod
    def _json(good: Mapping[str, Any], changes: Mapping[str, Any] | bytes | None) -> bytes:
        if isinstance(changes, bytes):
            return changes
        return orjson.dumps({k: v for k, v in {**good, **(changes or {})}.items() if v is not None})

    async def accepts(self, token: str) -> bool:
        """Whether the place takes the token for a good one. Anything but its proper answers is a failure."""
        if self.place == "userinfo":
            answer = await self.at.raw(
                "GET",
                f"/{POOL}/oauth2/userInfo",
                headers=[(b"authorization", b"Bearer " + token.encode("utf-8", "surrogatepass"))],
            )
            assert answer.status in {200, 400, 401}, answer.status
            if answer.status != 200:
                assert answer.header(
                    "www-authenticate",
                ).startswith('Bearer realm="poolgate", error="invalid_')  # type: ignore[union-attr]
            return answer.status == 200
        if len(token) > 60_000:  # no HTTP client makes such an address
            path = f"/{POOL}/oauth2/{self.place}"
            assert (await self.at.raw("GET", path, b"id_token_hint=" + token.encode())).status == 413
            return False
        if self.place == "authorize":
            answer = await self.browser.authorize(id_token_hint=token, prompt="none")
            if answer.status_code == 413:
                return False
            members = answered(answer)
            assert members.get("error") in {None, "invalid_request"}, members
            return "code" in members
        out = await self.browser.http.get(
            f"{ISSUER}/oauth2/logout",
            params={"id_token_hint": token, "client_id": "web", "post_logout_redirect_uri": SIGNED_OUT},
        )
        if out.status_code == 413:
            return False
        assert out.status_code == 302
        return out.headers["location"] == SIGNED_OUT


PLACES = ("userinfo", "authorize", "logout")


async def workshop(at: House, place: str) -> Workshop:
    browser = at.browser()
    tokens = await browser.tokens()
    token = tokens["access_token" if place == "userinfo" else "id_token"]
    header, claims = (orjson.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    issuer = await at.services.issuers.get(POOL)
    return Workshop(at, browser, place, issuer.signers["ES256"], header, claims)


async def judged(place: str, token: Callable[[Workshop], str], *, accepted: bool = False) -> None:
    """The token meets its verdict; then its twin, the good token put together in the same way, is accepted."""
    async with house() as at:
        shop = await workshop(at, place)
        assert await shop.accepts(token(shop)) is accepted
        if not accepted:
            assert await shop.accepts(shop.token())


def public_jwk(shop: Workshop) -> dict[str, str]:
    issuer = orjson.loads((shop.at.services.issuers._ready[POOL][0]).jwks)
    return next(k for k in issuer["keys"] if k["kid"] == shop.signer.kid)


def pem(shop: Workshop, form: Any = serialization.Encoding.PEM) -> bytes:
    key: Any = ECKey.import_key({k: v for k, v in public_jwk(shop).items() if k in {"kty", "crv", "x", "y"}})
    return key.public_key.public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)


def hs256(shop: Workshop, key: bytes) -> str:
    return shop.token({"alg": "HS256"}, sign=lambda m: hmac.new(key, m, hashlib.sha256).digest())


STRANGER = generate("ES256")
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def strangers(shop: Workshop, **header: Any) -> str:
    return shop.token(header, sign=Signer(STRANGER)._signature)


def der(shop: Workshop) -> str:
    key: Any = ECKey.import_key({k: v for k, v in STRANGER.items() if k not in {"kid", "alg", "use"}})
    return shop.token(sign=lambda m: key.private_key.sign(m, ec.ECDSA(hashes.SHA256())))


def parts(shop: Workshop) -> list[str]:
    return shop.token().split(".")


def json_form(shop: Workshop) -> str:
    head, payload, signature = parts(shop)
    return orjson.dumps({"protected": head, "payload": payload, "signature": signature}).decode()


SIGNATURES: dict[str, Callable[[Workshop], str]] = {
    # J1
    "alg none": lambda s: s.token({"alg": "none"}, sign=lambda _: b""),
    "alg None": lambda s: s.token({"alg": "None"}, sign=lambda _: b""),
    "alg nOnE": lambda s: s.token({"alg": "nOnE"}, sign=lambda _: b""),
    "alg none, signed": lambda s: s.token({"alg": "none"}),
    "alg missing": lambda s: s.token({"alg": None}),
    "alg a list": lambda s: s.token({"alg": ["ES256"]}),
    "no signature": lambda s: s.token(sign=lambda _: b""),
    "signature dropped": lambda s: ".".join(parts(s)[:2]),
    # J2
    "HMAC with our key as PEM": lambda s: hs256(s, pem(s)),
    "HMAC with our key as PEM, stripped": lambda s: hs256(s, pem(s).strip()),
    "HMAC with our key as DER": lambda s: hs256(s, pem(s, serialization.Encoding.DER)),
    "HMAC with our key as JWK": lambda s: hs256(s, orjson.dumps(public_jwk(s))),
    "HMAC with an empty key": lambda s: hs256(s, b""),
    # J3
    "kid as SQL": lambda s: s.token({"kid": "x' UNION SELECT 1 --"}),
    "kid as a path": lambda s: s.token({"kid": "../../dev/null"}),
    "kid as a URL": lambda s: s.token({"kid": "https://evil.example/jwks"}),
    "kid with NUL": lambda s: s.token({"kid": f"{s.signer.kid}\0"}),
    "kid of 10 KB": lambda s: s.token({"kid": "x" * 10_000}),
    "kid an object": lambda s: s.token({"kid": {"kid": s.signer.kid}}),
    "kid of nobody": lambda s: s.token({"kid": "nobody"}),
    "kid of the RSA key": lambda s: s.token({"kid": s.at.services.issuers._ready[POOL][0].signers["RS256"].kid}),
    "alg of the RSA key": lambda s: s.token({"alg": "RS256"}),
    "a stranger's key under our kid": strangers,
    "a stranger's key under its own": lambda s: strangers(s, kid=STRANGER["kid"]),
    # J4
    "jwk": lambda s: strangers(s, kid=STRANGER["kid"], jwk={k: STRANGER[k] for k in ("kty", "crv", "x", "y")}),
    "jwk under our kid": lambda s: strangers(s, jwk={k: STRANGER[k] for k in ("kty", "crv", "x", "y")}),
    "jku": lambda s: strangers(s, jku="https://evil.example/jwks"),
    "x5u": lambda s: strangers(s, x5u="https://evil.example/cert"),
    "x5c": lambda s: strangers(s, x5c=["MIIB"]),
    # J5
    "crit unknown": lambda s: s.token({"crit": ["exp"], "exp": 1}),
    "crit empty": lambda s: s.token({"crit": []}),
    "b64 false": lambda s: s.token({"b64": False, "crit": ["b64"]}),
    "b64 true without crit": lambda s: s.token({"b64": True}),
    # J6
    "JSON form": json_form,
    "braces": lambda s: "{" + s.token() + "}",
    "padded": lambda s: f"{parts(s)[0]}.{parts(s)[1]}=.{parts(s)[2]}==",
    "space within": lambda s: s.token().replace(".", ". ", 1),
    "newline within": lambda s: s.token().replace(".", ".\n", 1),
    "extra dot": lambda s: s.token() + ".",
    "leading dot": lambda s: "." + s.token(),
    "empty part": lambda s: s.token().replace(".", "..", 1),
    "five parts": lambda s: s.token() + ".a.b",
    "standard alphabet": lambda s: s.token(sign=lambda _: b"\xff" * 64).replace("_", "/"),
    "not ASCII": lambda s: s.token() + "\u00e9",
    "header no JSON": lambda s: s.token(b"{"),
    "header a list": lambda s: s.token(b"[]"),
    "header not UTF-8": lambda s: s.token(b'{"alg": "\xff"}'),
    "claims no JSON": lambda s: s.token(claims=b"{"),
    "claims a list": lambda s: s.token(claims=b"[]"),
    "claims and more": lambda s: s.token(claims=orjson.dumps(s.claims) + b"{}"),
    # J8
    "r and s zero": lambda s: s.token(sign=lambda _: bytes(64)),
    "r and s the order": lambda s: s.token(sign=lambda _: N.to_bytes(32, "big") * 2),
    "DER": der,
    "63 bytes": lambda s: s.token(sign=lambda m: s.signer._signature(m)[:-1]),
    "65 bytes": lambda s: s.token(sign=lambda m: s.signer._signature(m) + b"\0"),
    "halves swapped": lambda s: s.token(sign=lambda m: s.signer._signature(m)[32:] + s.signer._signature(m)[:32]),
    "of another message": lambda s: ".".join((*parts(s)[:2], s.token(claims={"sub": "x"}).split(".")[2])),
    # J10, the forms
    "claim twice": lambda s: s.token(claims=orjson.dumps(s.claims)[:-1] + b',"sub":"x"}'),
    "header twice": lambda s: s.token(orjson.dumps(s.header)[:-1] + b',"alg":"none"}'),
    "claim twice, escaped": lambda s: s.token(claims=orjson.dumps(s.claims)[:-1] + b',"\\u0073ub":"x"}'),
    "nested": lambda s: s.token(claims=orjson.dumps(s.claims)[:-1] + b',"x":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "NaN": lambda s: s.token(claims=orjson.dumps(s.claims)[:-1] + b',"x":NaN}'),
    # J11
    "64 KB": lambda s: s.token(claims={"x": "x" * 48_000}),
    "1 MB": lambda s: "A" * 1_000_000,
    "header of 100 KB": lambda s: s.token({"x": "x" * 100_000}),
    # J12
    "typ missing": lambda s: s.token({"typ": None}),
    "typ of a logout token": lambda s: s.token({"typ": "logout+jwt"}),
    "typ of a DPoP proof": lambda s: s.token({"typ": "dpop+jwt"}),
    "typ of a client assertion": lambda s: s.token({"typ": "client-authentication+jwt"}),
    "typ of the other token": lambda s: s.token({"typ": "JWT" if s.place == "userinfo" else "at+jwt"}),
    "typ a number": lambda s: s.token({"typ": 1}),
    # J13, the issuer
    "iss missing": lambda s: s.token(claims={"iss": None}),
    "iss with a slash": lambda s: s.token(claims={"iss": f"{ISSUER}/"}),
    "iss of another case": lambda s: s.token(claims={"iss": ISSUER.upper()}),
    "iss a list": lambda s: s.token(claims={"iss": [ISSUER]}),
    "iss a prefix": lambda s: s.token(claims={"iss": ISSUER[:-1]}),
    "iss another pool": lambda s: s.token(claims={"iss": "http://localhost:8000/other_Pool2"}),
    # J10, J14: what holds at every place
    "exp missing": lambda s: s.token(claims={"exp": None}),
    "exp a text": lambda s: s.token(claims={"exp": str(s.claims["exp"])}),
    "exp a fraction": lambda s: s.token(claims={"exp": s.claims["exp"] + 0.5}),
    "exp true": lambda s: s.token(claims={"exp": True}),
    "exp negative": lambda s: s.token(claims={"exp": -1}),
    "exp huge": lambda s: s.token(claims={"exp": 10**15}),
    "exp beyond all numbers": lambda s: s.token(
        claims=orjson.dumps(s.claims).replace(str(s.claims["exp"]).encode(), b"1e999")
    ),
    "nbf in 61 s": lambda s: s.token(claims={"nbf": int(s.at.time()) + 61}),
    "iat far ahead": lambda s: s.token(claims={"iat": int(s.at.time()) + 86400}),
    "iat a text": lambda s: s.token(claims={"iat": "now"}),
}


@each("forgery", SIGNATURES)
@each("place", PLACES)
async def test_a_forged_token_is_refused_wherever_it_is_read(place: str, forgery: Callable[[Workshop], str]) -> None:
    """J1 to J14."""
    await judged(place, forgery)


ACCEPTED: dict[str, Callable[[Workshop], str]] = {
    "as made": lambda s: s.token(),
    "nbf in 10 s": lambda s: s.token(claims={"nbf": int(s.at.time()) + 10}),
    "iat in 60 s": lambda s: s.token(claims={"iat": int(s.at.time()) + 60}),
    "an unknown claim": lambda s: s.token(claims={"unknown": [1, {"a": "b"}]}),
    "an unknown header": lambda s: s.token({"unknown": "x", "jku": "https://evil.example"}),
    "typ as a media type": lambda s: s.token({"typ": f"application/{s.header['typ']}"}),
}


@each("good", ACCEPTED)
@each("place", PLACES)
async def test_what_the_specifications_allow_is_accepted(place: str, good: Callable[[Workshop], str]) -> None:
    await judged(place, good, accepted=True)


AT_USERINFO: dict[str, Callable[[Workshop], str]] = {
    "aud missing": lambda s: s.token(claims={"aud": None}),
    "aud of others": lambda s: s.token(claims={"aud": ["https://orders.example"]}),
    "aud with a slash": lambda s: s.token(claims={"aud": [f"{ISSUER}/"]}),
    "aud a prefix": lambda s: s.token(claims={"aud": ISSUER[:-1]}),
    "aud of another case": lambda s: s.token(claims={"aud": ISSUER.upper()}),
    "aud nested": lambda s: s.token(claims={"aud": [[ISSUER]]}),
    "aud an object": lambda s: s.token(claims={"aud": {ISSUER: True}}),
    "aud empty": lambda s: s.token(claims={"aud": []}),
    "expired": lambda s: s.token(claims={"exp": int(s.at.time())}),
    "expired 61 s ago": lambda s: s.token(claims={"exp": int(s.at.time()) - 61}),
    "sub missing": lambda s: s.token(claims={"sub": None}),
    "sub a number": lambda s: s.token(claims={"sub": 7}),
    "sub empty": lambda s: s.token(claims={"sub": ""}),
    "sub of nobody": lambda s: s.token(claims={"sub": "nobody"}),
    "jti missing": lambda s: s.token(claims={"jti": None}),
    "client_id missing": lambda s: s.token(claims={"client_id": None}),
    "client_id of nobody": lambda s: s.token(claims={"client_id": "nobody"}),
    "sid a number": lambda s: s.token(claims={"sid": 7}),
    "scope a list": lambda s: s.token(claims={"scope": ["openid"]}),
    "scope malformed": lambda s: s.token(claims={"scope": "openid  profile"}),
}


@each("forgery", AT_USERINFO)
async def test_userinfo_asks_for_every_claim_of_an_access_token(forgery: Callable[[Workshop], str]) -> None:
    """J13, J14 and RFC 9068 4."""
    await judged("userinfo", forgery)


AS_HINT: dict[str, Callable[[Workshop], str]] = {
    "aud of another client": lambda s: s.token(claims={"aud": "other"}),
    "aud a list with ours": lambda s: s.token(claims={"aud": ["web", "other"]}),
    "aud missing": lambda s: s.token(claims={"aud": None}),
}


@each("forgery", AS_HINT)
@each("place", ("authorize", "logout"))
async def test_a_hint_is_for_one_client(place: str, forgery: Callable[[Workshop], str]) -> None:
    await judged(place, forgery)


@each(
    "claims",
    {
        "no sub": {"sub": None},
        "sub a number": {"sub": 7},
        "sub of another": {"sub": "x"},
        "sid of another": {"sid": "x"},
    },
)
async def test_a_logout_hint_is_of_this_very_session(claims: dict[str, Any]) -> None:
    await judged("logout", lambda s: s.token(claims=claims))


async def test_a_logout_hint_without_a_session_id_is_of_any_session_of_the_person() -> None:
    await judged("logout", lambda s: s.token(claims={"sid": None}), accepted=True)


@each("place", PLACES)
async def test_a_key_that_was_never_published_or_is_no_longer_signs_nothing(place: str) -> None:
    """J3: retired and gone."""
    async with house() as at:
        shop = await workshop(at, place)
        lasting = {"exp": int(at.time()) + 10 * 86400, "sid": None}
        old = shop.token(claims=lasting)
        assert await shop.accepts(old)
        await at.opened.key_ring.rotate(POOL)
        await at.opened.key_ring.rotate(POOL)
        at.time.pass_(25 * 3600)
        at.opened.registry.drop()
        await shop.browser.arrive()
        assert not await shop.accepts(old)
        shop.signer = (await at.services.issuers.get(POOL)).signers["ES256"]
        assert await shop.accepts(shop.token({"kid": shop.signer.kid}, lasting))


@each("kind", ("id_token", "refresh_token"))
async def test_another_kind_of_token_is_no_access_token(kind: str) -> None:
    """O16."""
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        assert (await browser.userinfo(tokens[kind])).status_code == 401
        assert (await browser.userinfo(tokens["access_token"])).json()["sub"] == ADA.id


async def test_a_code_and_a_cookie_are_no_access_token() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        for thing in (code, browser.cookie("session") or ""):
            assert (await browser.userinfo(thing)).status_code == 401


async def test_a_token_of_one_pool_is_nothing_at_another() -> None:
    """O16, I5: also with the same keys' names, the same user and the same client."""
    from dataclasses import replace

    other = "other_Pool2"
    async with house(pool(), pool(other), clients=(*CLIENTS, client("twin", pool=other))) as at:
        await at.stores.directory.create_user(other, replace(ADA, pool=other))
        browser, foreign = at.browser(), at.browser(pool_id=other)
        ours, theirs = await browser.tokens(), await foreign.tokens(client_id="twin")
        assert (await foreign.userinfo(ours["access_token"])).status_code == 401
        assert (await browser.userinfo(theirs["access_token"])).status_code == 401
        assert (await foreign.userinfo(theirs["access_token"])).status_code == 200
        hinted = answered(await browser.authorize(id_token_hint=theirs["id_token"]))
        assert hinted["error"] == "invalid_request"


async def test_a_machines_token_is_nobodys() -> None:
    async with house() as at:
        browser = at.browser()
        token = (await browser.token("machine", grant_type="client_credentials")).json()["access_token"]
        assert (await browser.userinfo(token)).status_code == 401


@each("fate", {"user disabled": "user", "client disabled": "client", "well": ""})
async def test_a_token_is_worth_no_more_than_its_user_and_client(fate: str) -> None:
    async with house() as at:
        browser = at.browser()
        token = (await browser.tokens())["access_token"]
        if fate == "user":
            await at.change_user(ADA, state="disabled")
        elif fate == "client":
            await at.change_client("web", enabled=False)
        assert (await browser.userinfo(token)).status_code == (401 if fate else 200)


PRESENTED: dict[str, tuple[Any, int, str | None]] = {
    "bearer": (lambda t: [b"Bearer " + t], 200, None),
    "scheme in lower case": (lambda t: [b"bearer " + t], 200, None),
    "several spaces": (lambda t: [b"Bearer   " + t], 200, None),
    "nothing": (lambda t: [], 401, None),
    "another scheme": (lambda t: [b"Basic " + t], 401, None),
    "DPoP": (lambda t: [b"DPoP " + t], 401, None),
    "no scheme": (lambda t: [t], 401, None),
    "scheme alone": (lambda t: [b"Bearer"], 400, "invalid_request"),
    "scheme and space": (lambda t: [b"Bearer "], 400, "invalid_request"),
    "two tokens": (lambda t: [b"Bearer " + t + b" " + t], 400, "invalid_request"),
    "two headers": (lambda t: [b"Bearer " + t] * 2, 400, "invalid_request"),
    "a list": (lambda t: [b"Bearer " + t + b",Bearer " + t], 400, "invalid_request"),
    "odd characters": (lambda t: [b"Bearer \xff\x00"], 400, "invalid_request"),
}


@each("case", PRESENTED)
async def test_a_token_is_presented_in_one_authorization_header(case: tuple[Any, int, str | None]) -> None:
    """RFC 6750 2.1 and 3.1."""
    make, status, code = case
    async with house() as at:
        token = (await at.browser().tokens())["access_token"].encode()
        headers = [(b"authorization", value) for value in make(token)]
        answer = await at.raw("GET", f"/{POOL}/oauth2/userInfo", headers=headers)
        assert answer.status == status
        assert (orjson.loads(answer.body).get("error") if answer.body else None) == code
        challenge = answer.header("www-authenticate")
        assert (challenge is None) is (status == 200)
        assert challenge is None or challenge.startswith("Bearer ")
        assert challenge is None or ("error=" in challenge) is (code is not None)


async def test_a_token_in_the_query_or_the_body_is_not_looked_at() -> None:
    """O26 (RFC 9700 4.3.2)."""
    async with house() as at:
        browser = at.browser()
        token = (await browser.tokens())["access_token"]
        url = f"{ISSUER}/oauth2/userInfo"
        assert (await browser.http.get(url, params={"access_token": token})).status_code == 401
        assert (await browser.http.post(url, data={"access_token": token})).status_code == 401
        bearer = {"authorization": f"Bearer {token}"}
        assert (await browser.http.get(url, params={"access_token": token}, headers=bearer)).status_code == 400
        assert (await browser.http.post(url, headers=bearer)).status_code == 200
        assert (await browser.http.get(url, headers=bearer)).status_code == 200


async def test_a_token_without_openid_is_told_what_it_lacks() -> None:
    async with house() as at:
        browser = at.browser()
        answer = await browser.userinfo((await browser.tokens(scope="profile"))["access_token"])
        assert answer.status_code == 403
        assert answer.json()["error"] == "insufficient_scope"
        assert 'scope="openid"' in answer.headers["www-authenticate"]
