"""The settings of a SAML provider, read once and judged as a whole."""

from dataclasses import dataclass
from typing import Literal

from federation.connectors.saml.names import NAME_ID_FORMATS, TRANSIENT
from federation.errors import Misconfigured
from federation.model import IdentityProvider
from resource_servers.fetching import check_url


@dataclass(frozen=True, slots=True)
class SamlSettings:
    """What the pool file says, ready to use. `metadata_url` is where metadata is fetched, if it is fetched.

    Attributes:
        entity_id: ours.
        idp_entity_id: the provider's; "" where its metadata describes one provider only.
        metadata: the document itself, if it is not fetched.
        metadata_certificate: PEM; whose key must have signed the metadata. "" asks for no signature.
        name_id_format: a URI; "" leaves it to the provider.
        authn_context: what is asked for unless a sign-in asks for something else.
    """

    entity_id: str
    idp_entity_id: str = ""
    metadata: str = ""
    metadata_url: str = ""
    metadata_certificate: str = ""
    sign_requests: bool = True
    request_binding: Literal["redirect", "post"] = "redirect"
    name_id_format: str = ""
    subject_attribute: str = ""
    want_assertions_signed: bool = True
    encrypted: bool = False
    allow_cbc: bool = False
    idp_initiated: bool = False
    sign_out: bool = False
    authn_context: tuple[str, ...] = ()


def read_settings(provider: IdentityProvider, issuer: str) -> SamlSettings:
    """The settings of a provider.

    Args:
        issuer: the pool's own, below which our endpoints stand.

    Raises Misconfigured.
    """
    metadata, url, mdq = (provider.setting(name).strip() for name in ("metadata", "metadata_url", "mdq_url"))
    idp = provider.setting("idp_entity_id")
    if sum(map(bool, (metadata, url, mdq))) != 1:
        raise Misconfigured(
            "give the provider's metadata in one way: metadata_url, metadata_file or mdq_url", setting="metadata_url"
        )
    if mdq and not idp:
        raise Misconfigured("with mdq_url, idp_entity_id says whose metadata to ask for", setting="idp_entity_id")
    for name, value in (("metadata_url", url), ("mdq_url", mdq)):
        try:
            check_url(value or "https://unset.invalid")
        except ValueError:
            raise Misconfigured(f"{name} is to be a URL with https", setting=name) from None
    said = provider.setting("name_id_format")
    name_id_format = NAME_ID_FORMATS.get(said, said)
    if said and ":" not in name_id_format:
        raise Misconfigured(
            f"name_id_format is one of {', '.join(NAME_ID_FORMATS)}, or a URI", setting="name_id_format"
        )
    subject_attribute = provider.setting("subject_attribute")
    if name_id_format == TRANSIENT and not subject_attribute:
        raise Misconfigured(
            "a transient NameID is another one each time: name the attribute that stays", setting="subject_attribute"
        )
    context = provider.settings.get("authn_context")
    return SamlSettings(
        entity_id=provider.setting("entity_id") or f"{issuer}/saml2/metadata/{provider.name}",
        idp_entity_id=idp,
        metadata=metadata,
        metadata_url=f"{mdq.rstrip('/')}/entities/{_quoted(idp)}" if mdq else url,
        metadata_certificate=_certificate(provider.setting("metadata_certificate")),
        sign_requests=_flag(provider, "sign_requests", default=True),
        request_binding="post" if provider.setting("request_binding") == "post" else "redirect",
        name_id_format=name_id_format,
        subject_attribute=subject_attribute,
        want_assertions_signed=_flag(provider, "want_assertions_signed", default=True),
        encrypted=_flag(provider, "encrypted"),
        allow_cbc=_flag(provider, "allow_cbc"),
        idp_initiated=_flag(provider, "idp_initiated"),
        sign_out=_flag(provider, "sign_out"),
        authn_context=tuple(map(str, context)) if isinstance(context, list | tuple) else (),
    )


def _flag(provider: IdentityProvider, name: str, *, default: bool = False) -> bool:
    value = provider.settings.get(name, default)
    return value if isinstance(value, bool) else default


def _quoted(entity_id: str) -> str:
    from urllib.parse import quote

    return quote(entity_id, safe="")


def _certificate(pem: str) -> str:
    from federation.connectors.saml.signatures import certificate

    if not pem.strip():
        return ""
    try:
        certificate(pem)
    except ValueError as fault:
        raise Misconfigured(f"metadata_certificate: {fault}", setting="metadata_certificate") from None
    return pem
