"""The worlds of all kinds that come back with a code."""

from dataclasses import replace
from typing import Any

from federation.connectors import connector_for
from federation.connectors.discovery import Metadata
from federation.model import IdentityProvider
from tests.federation.conformance import Case
from tests.federation.host import Network, World, make_host
from tests.federation.standins import social, vendors
from tests.federation.standins.openid import ADA, BOB, OpenIdProvider

ACME = Metadata(
    issuer="https://id.acme.example",
    authorization_endpoint="https://id.acme.example/authorize",
    token_endpoint="https://id.acme.example/token",
    jwks_uri="https://id.acme.example/jwks",
    userinfo_endpoint="https://id.acme.example/userinfo",
    end_session_endpoint="https://id.acme.example/logout",
)
MAPPED = {name: name for name in ("email", "name")}


def world(type_: str, site: Any, *, settings: dict[str, Any] | None = None, secrets: Any = None, **keys: Any) -> World:
    """A pool's provider of that type, and the stand-in behind it."""
    network = Network()
    network.serve(site.app(), *site.hosts())
    secrets = {"client_secret": site.client_secret} if secrets is None else secrets
    provider = IdentityProvider("Acme", type_, client_id=site.client_id, settings=settings or {}, **keys)
    return World(provider, make_host(network, secrets), network, connector_for, site)


def acme(
    metadata: Metadata = ACME, *, site: Any = None, secrets: Any = None, mapping: Any = MAPPED, **settings: Any
) -> World:
    """A provider of type "oidc", found by its issuer."""
    chosen = {"issuer": metadata.issuer, **settings}
    keys = {"attribute_mapping": mapping} if mapping else {}
    return world("oidc", site or OpenIdProvider(metadata), settings=chosen, secrets=secrets, **keys)


def apple() -> World:
    site = vendors.Apple()
    settings = {"team_id": vendors.TEAM, "key_id": vendors.KEY}
    return world("apple", site, settings=settings, secrets={"private_key": vendors.team_key_text()})


_ADA = {"email": "ada@example.com", "name": "Ada Lovelace"}
CASES = [
    Case(
        "oidc", acme, BOB, "ada-0001", ACME.token_endpoint, {**_ADA, "email_verified": True}, secret="", verified=True
    ),
    Case(
        "google",
        lambda: world("google", vendors.Google()),
        {**BOB, "picture": "https://p"},
        "110169484474386276334",
        "https://oauth2.googleapis.com/token",
        {"email": "ada@gmail.com", "email_verified": True, "given_name": "Ada", "family_name": "Lovelace"},
        requests=1,
        verified=True,
    ),
    Case(
        "apple",
        apple,
        {**ADA, "sub": "bob-0002"},
        "001234.abcdef0123456789.1234",
        "https://appleid.apple.com/auth/token",
        {"email": "x7k2p9@privaterelay.appleid.com", "email_verified": True, "name": "Ada Lovelace"},
        secret="private_key",
        requests=1,
        verified=True,
        silent=False,
    ),
    Case(
        "microsoft",
        lambda: world("microsoft", vendors.Microsoft()),
        {**BOB, "tid": vendors.TENANT, "oid": "1"},
        "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        {**_ADA, "email_verified": False, "given_name": "Ada"},
        names_issuer=False,
    ),
    Case(
        "linkedin",
        lambda: world("linkedin", vendors.LinkedIn()),
        BOB,
        "782bbtaQ",
        "https://www.linkedin.com/oauth/v2/accessToken",
        {**_ADA, "email_verified": True},
        challenge=False,
        verified=True,
        silent=False,
    ),
    Case(
        "kakao",
        lambda: world("kakao", vendors.Kakao()),
        {"sub": "77", "email": "bob@kakao.com", "nickname": "Bob"},
        "1376016924",
        "https://kauth.kakao.com/oauth/token",
        {"email": "ada@kakao.com", "email_verified": True, "nickname": "Ada"},
        secret="",
        verified=True,
        subject_of_somebody="77",
    ),
    Case(
        "line",
        lambda: world("line", vendors.Line()),
        {"sub": "bob-0002", "name": "Bob"},
        "U1234567890abcdef",
        "https://api.line.me/oauth2/v2.1/token",
        {"email": "ada@example.com", "email_verified": False, "name": "Ada"},
        requests=1,
    ),
    Case(
        "facebook",
        lambda: world("facebook", social.Facebook()),
        {"id": "10200000000000001", "name": "Bob"},
        "10206021234567890",
        "https://graph.facebook.com/v23.0/oauth/access_token",
        {**_ADA, "email_verified": False, "picture": "https://platform-lookaside.example/ada"},
        subject_of_somebody="10200000000000001",
        silent=False,
        challenge=False,
    ),
    Case(
        "amazon",
        lambda: world("amazon", social.Amazon()),
        {"user_id": "amzn1.account.BOB"},
        "amzn1.account.K2LI23KL2LK2",
        "https://api.amazon.com/auth/o2/token",
        {**_ADA, "email_verified": False},
        subject_of_somebody="amzn1.account.BOB",
        silent=False,
    ),
    Case(
        "github",
        lambda: world("github", social.GitHub()),
        {"id": 2, "login": "bob"},
        "583231",
        "https://github.com/login/oauth/access_token",
        {**_ADA, "email_verified": True},
        requests=3,
        verified=True,
        subject_of_somebody="2",
        silent=False,
    ),
    Case(
        "discord",
        lambda: world("discord", social.Discord()),
        {"id": "2", "username": "bob"},
        "80351110224678912",
        "https://discord.com/api/v10/oauth2/token",
        {"email": "ada@example.com", "email_verified": True, "name": "Ada"},
        verified=True,
        subject_of_somebody="2",
    ),
    Case(
        "x",
        lambda: world("x", social.X()),
        {"id": "2", "name": "Bob"},
        "2244994945",
        "https://api.x.com/2/oauth2/token",
        {"name": "Ada"},
        subject_of_somebody="2",
        silent=False,
    ),
    Case(
        "naver",
        lambda: world("naver", social.Naver()),
        {"id": "2"},
        "32742776",
        "https://nid.naver.com/oauth2.0/token",
        {"email": "ada@naver.com", "email_verified": False, "name": "Ada"},
        subject_of_somebody="2",
        silent=False,
    ),
]
BY_TYPE = {case.type: case for case in CASES}


def with_metadata(**changes: Any) -> Metadata:
    return replace(ACME, **changes)
