"""A provider's metadata (OpenID Connect Discovery 1.0, RFC 8414): from its document, or from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from federation.connectors.calls import check_endpoint
from federation.connectors.published import PublishedDocument
from federation.errors import BadAnswer, Misconfigured
from federation.model import IdentityProvider
from federation.ports import Host
from resource_servers.errors import shown
from resource_servers.fetching import is_loopback

ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint")
MOST_NAMES = 200
"""Entries of a list in the document that are looked at."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What has to be known of a provider to speak to it. Empty texts are endpoints that it does not have; None stands for
    lists that it does not publish.

    Attributes:
        sends_issuer: `authorization_response_iss_parameter_supported` (RFC 9207 3).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str = ""
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    sends_issuer: bool = False
    signing_algorithms: tuple[str, ...] | None = None
    token_auth_methods: tuple[str, ...] | None = None
    token_auth_algorithms: tuple[str, ...] | None = None
    challenge_methods: tuple[str, ...] | None = None
    response_modes: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None


class MetadataSource(Protocol):
    """Where the metadata comes from."""

    async def get(self, now: int) -> Metadata:
        """The metadata to use now. Raises ProviderUnavailable, BadAnswer."""
        ...

    async def fetch(self, now: int) -> Metadata:
        """The metadata as they are at this moment. Raises ProviderUnavailable, BadAnswer."""
        ...


@dataclass(frozen=True, slots=True)
class FixedMetadata:
    """Metadata that are known beforehand."""

    metadata: Metadata

    async def get(self, now: int) -> Metadata:  # noqa: ARG002 - they do not age
        return self.metadata

    async def fetch(self, now: int) -> Metadata:  # noqa: ARG002
        return self.metadata


def well_known(issuer: str) -> str:
    """Where an issuer's document is (OpenID Connect Discovery 4)."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """The metadata in a document that was fetched for `issuer`.

    Raises BadAnswer if it is another issuer's (OpenID Connect Discovery 4.3), lacks what a login needs, or names an endpoint
    that is not https. Only an issuer on this machine may have endpoints here.
    """
    if document.get("issuer") != issuer:
        raise BadAnswer(f"the metadata are those of {shown(document.get('issuer'))}, not of {shown(issuer)}")
    loopback = is_loopback(issuer)
    urls = {name: _url(document, name, loopback=loopback) for name in ENDPOINTS}
    for name in ("authorization_endpoint", "token_endpoint"):
        if not urls[name]:
            raise BadAnswer(f"the metadata have no {name}")
    return Metadata(
        issuer=issuer,
        **urls,
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        signing_algorithms=names_in(document, "id_token_signing_alg_values_supported"),
        token_auth_methods=names_in(document, "token_endpoint_auth_methods_supported"),
        token_auth_algorithms=names_in(document, "token_endpoint_auth_signing_alg_values_supported"),
        challenge_methods=names_in(document, "code_challenge_methods_supported"),
        response_modes=names_in(document, "response_modes_supported"),
        scopes=names_in(document, "scopes_supported"),
    )


def _url(document: Mapping[str, Any], name: str, *, loopback: bool) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise BadAnswer(f"the metadata: {name} is no text")
    return check_endpoint(value, loopback=loopback) if value else ""


def names_in(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = document.get(name)
    if not isinstance(value, list):
        return None
    return tuple(each for each in value[:MOST_NAMES] if isinstance(each, str))


def metadata_of(provider: IdentityProvider, host: Host) -> MetadataSource:
    """Where a provider's metadata come from by its settings: the endpoints that they name, or the issuer's document.

    `userinfo_endpoint` and `end_session_endpoint` may be named beside the document. Raises Misconfigured.
    """
    issuer = check_endpoint(provider.setting("issuer"), setting="issuer")
    named = {name: provider.setting(name) for name in ENDPOINTS if provider.setting(name)}
    for name, url in named.items():
        check_endpoint(url, setting=name, loopback=is_loopback(issuer))
    hmac = provider.setting("id_token_signed_response_alg").startswith("HS")
    needed = {"authorization_endpoint", "token_endpoint"} | (set() if hmac else {"jwks_uri"})
    if needed <= named.keys():
        empty = Metadata(issuer, "", "")
        return FixedMetadata(_with(empty, named))
    if missing := sorted(needed - named.keys()) if needed & named.keys() else []:
        raise Misconfigured(
            f"{missing[0]} is missing: name all endpoints, or none and let the issuer say", setting=missing[0]
        )

    def read(document: dict[str, Any]) -> Metadata:
        return _with(read_metadata(document, issuer), named)

    return PublishedDocument(host, well_known(issuer), "openid-configuration", read)


def _with(metadata: Metadata, named: Mapping[str, str]) -> Metadata:
    return replace(
        metadata,
        authorization_endpoint=named.get("authorization_endpoint", metadata.authorization_endpoint),
        token_endpoint=named.get("token_endpoint", metadata.token_endpoint),
        jwks_uri=named.get("jwks_uri", metadata.jwks_uri),
        userinfo_endpoint=named.get("userinfo_endpoint", metadata.userinfo_endpoint),
        end_session_endpoint=named.get("end_session_endpoint", metadata.end_session_endpoint),
    )
