"""Applications that speak SAML, from their tables to clients."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from authserver.effects import system_clock
from authserver.model.clients import Client
from authserver.model.pools import Branding, Pool
from authserver.poolfile.providers import text_of
from authserver.poolfile.service_provider_model import ServiceProviderModel
from authserver.poolfile.values import ClientSpec
from authserver.rules.attributes import OWN_FIELDS, TEXT_CLAIMS
from authserver.tomlfile import Document
from authserver.tomlfile.lines import KeyPath
from federation.saml_idp.model import ServiceProvider

_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_READABLE = ("sub", "username", "groups", "preferred_username")


def service_provider_spec(
    model: ServiceProviderModel, pool: str, path: KeyPath, document: Document, branding: Branding | None
) -> tuple[ClientSpec, list[tuple[str, str]]]:
    """The application as a client, and what is wrong with it: a key and a sentence each."""
    faults: list[tuple[str, str]] = []
    files: dict[str, str] = {}
    for key, name in _files(model):
        try:
            files[name] = text_of(document.folder / name)
        except ValueError as error:
            faults.append((key, str(error)))
    sp = ServiceProvider(model.entity_id or model.client_id)
    if not faults:
        try:
            sp = _read(model, files)
        except ValueError as error:
            faults.append(("metadata_file" if model.metadata_file is not None else "client_id", str(error)))
    client = Client(
        client_id=model.client_id,
        pool=pool,
        client_name=model.client_name or model.client_id,
        grant_types=(),
        response_types=(),
        token_endpoint_auth_method="none",
        default_max_age=model.default_max_age,
        client_uri=model.client_uri,
        logo_uri=model.logo_uri,
        policy_uri=model.policy_uri,
        tos_uri=model.tos_uri,
        enabled=model.enabled,
        managed=True,
        mfa=model.mfa,
        branding=branding,
        identity_providers=tuple(model.identity_providers) if model.identity_providers is not None else None,
        saml=sp,
    )
    return ClientSpec(client, None, document.line(path)), faults


def _files(model: ServiceProviderModel) -> Iterator[tuple[str, str]]:
    """The files that the table names, by key."""
    for key in ("metadata_file", "encryption_certificate_file"):
        if (name := getattr(model, key)) is not None:
            yield key, name
    for name in model.certificate_files or ():
        yield "certificate_files", name


def _read(model: ServiceProviderModel, files: Mapping[str, str]) -> ServiceProvider:
    """What is agreed with the application. Raises ValueError with a sentence."""
    from federation.connectors.saml.names import NAME_ID_FORMATS  # SAML's libraries take half a second to load
    from federation.errors import FederationError
    from federation.saml_idp.metadata import check, read_service_provider

    given = model.metadata_file is not None, model.metadata is not None
    if all(given):
        raise ValueError("has metadata and metadata_file; give one of them")
    try:
        if any(given):
            data = files[model.metadata_file] if model.metadata_file is not None else model.metadata or ""
            base = read_service_provider(data.encode(), int(system_clock()), entity_id=model.entity_id or "")
        elif model.entity_id is None or model.acs_urls is None:
            raise ValueError("needs metadata_file, or entity_id and acs_urls")
        else:
            base = ServiceProvider(model.entity_id)
        said: dict[str, Any] = {
            "acs_urls": tuple(model.acs_urls) if model.acs_urls is not None else None,
            "logout_urls": {_REDIRECT: model.logout_url} if model.logout_url is not None else None,
            "certificates": tuple(files[name] for name in model.certificate_files)
            if model.certificate_files is not None
            else None,
            "encryption_certificate": files[model.encryption_certificate_file]
            if model.encryption_certificate_file is not None
            else None,
            "name_id_format": NAME_ID_FORMATS.get(model.name_id_format or "", model.name_id_format),
            "name_id_from": model.name_id_from,
            "attributes": dict(model.attributes) if model.attributes is not None else None,
            "encrypt": model.encrypt,
            "require_signed_requests": model.require_signed_requests,
        }
        found = replace(
            base,
            **{key: value for key, value in said.items() if value is not None},
            sign=model.sign,
            idp_initiated=model.idp_initiated,
            relay_states=tuple(model.relay_states),
        )
        if ":" not in found.name_id_format:
            raise ValueError(f"name_id_format is one of {', '.join(NAME_ID_FORMATS)}, or a URI")
        check(found)
    except FederationError as error:
        raise ValueError(f"cannot be used: {error.detail}") from error
    return found


def attribute_faults(pool: Pool, model: ServiceProviderModel) -> Iterator[tuple[KeyPath, str]]:
    """What the application is to be told, that the pool does not have."""
    known = {*TEXT_CLAIMS, *OWN_FIELDS, *_READABLE, *(a.name for a in pool.attributes)}
    for name, source in (model.attributes or {}).items():
        if source not in known:
            yield ("attributes", name), f"`{source}` is no attribute of the pool; define it in [[pool.attributes]]"
    fixed = {"sub", "username", "email", "phone_number", *(a.name for a in pool.attributes if not a.self_editable)}
    if model.name_id_from in known and model.name_id_from not in fixed:
        reason = "may be changed by people themselves, who could pass for somebody else: define it with self_editable = false"
        yield ("name_id_from",), f"`{model.name_id_from}` {reason}"
    if model.name_id_from is not None and model.name_id_from not in known:
        yield ("name_id_from",), f"`{model.name_id_from}` is no attribute of the pool; define it in [[pool.attributes]]"
