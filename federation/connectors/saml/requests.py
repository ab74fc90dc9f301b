"""What we send: AuthnRequest, LogoutRequest and LogoutResponse (SAML Core 3.4 and 3.7), built by pysaml2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.connectors.saml.bindings import Field, form, redirect
from federation.connectors.saml.keys import OwnKey
from federation.connectors.saml.metadata import Endpoint, IdpMetadata
from federation.connectors.saml.moments import written
from federation.connectors.saml.names import FRESH, POST, REDIRECT, STATUS, SUCCESS, TRANSIENT
from federation.connectors.saml.settings import SamlSettings
from federation.connectors.saml.signatures import signed
from federation.errors import Misconfigured
from federation.model import Asked, Outgoing, UpstreamSession


def authn_request(settings: SamlSettings, idp: IdpMetadata, asked: Asked, ident: str, key: OwnKey) -> Outgoing:
    """The browser's way to the provider, with a request of that ID. Raises Misconfigured."""
    from saml2 import saml, samlp

    binding = POST if settings.request_binding == "post" else REDIRECT
    if binding not in idp.sign_on:
        raise Misconfigured("the provider has no sign-on service for this binding", setting="request_binding")
    contexts = asked.acr_values or settings.authn_context
    request = samlp.AuthnRequest(
        **_heading(settings.entity_id, ident, idp.sign_on[binding], asked.now),
        assertion_consumer_service_url=asked.callback_url,
        protocol_binding=POST,
        # It cannot be said how long ago is too long; so whoever limits it at all gets a new proof.
        force_authn="true" if asked.fresh or asked.max_age is not None else None,
        is_passive="true" if asked.silent else None,
        name_id_policy=samlp.NameIDPolicy(
            allow_create=None if settings.name_id_format == TRANSIENT else "true",
            format=settings.name_id_format or None,
        ),
        requested_authn_context=samlp.RequestedAuthnContext(
            comparison="exact", authn_context_class_ref=[saml.AuthnContextClassRef(text=c) for c in contexts]
        )
        if contexts
        else None,
    )
    sign = settings.sign_requests or idp.wants_signed_requests
    return _sent(request, "SAMLRequest", binding, idp.sign_on[binding], asked.state, key if sign else None)


@dataclass(frozen=True, slots=True)
class Party:
    """Who ends sessions at whom: the entity ID of the one who writes, and the other's addresses by binding."""

    entity_id: str
    sign_out: Mapping[str, Endpoint]


def logout_request(
    party: Party, session: UpstreamSession, ident: str, key: OwnKey, state: str, now: int
) -> Outgoing | None:
    """The browser's way to end a session there; None if the other side offers none, or gave it no name."""
    from saml2 import saml, samlp

    found = _service(party, REDIRECT)
    if found is None or "value" not in session.name_id:
        return None
    binding, service = found
    named = session.name_id
    request = samlp.LogoutRequest(
        **_heading(party.entity_id, ident, service.url, now),
        not_on_or_after=written(now + FRESH),
        name_id=saml.NameID(
            text=named["value"],
            format=named.get("format"),
            name_qualifier=named.get("name_qualifier"),
            sp_name_qualifier=named.get("sp_name_qualifier"),
        ),
        session_index=[samlp.SessionIndex(text=session.session)] if session.session else [],
    )
    return _sent(request, "SAMLRequest", binding, service.url, state, key)


def logout_response(
    party: Party,
    answered: str,
    came_by: str,
    ident: str,
    key: OwnKey,
    relay_state: str,
    now: int,
    *,
    whole: bool = True,
) -> Outgoing | None:
    """The answer to the other side's request of ID `answered`, by the binding by which that came if there is an address for
    it. `whole`: the session has ended everywhere (Core 3.7.3.2).
    """
    from saml2 import samlp

    found = _service(party, came_by)
    if found is None:
        return None
    binding, service = found
    response = samlp.LogoutResponse(
        **_heading(party.entity_id, ident, service.response_url, now),
        in_response_to=answered,
        status=samlp.Status(
            status_code=samlp.StatusCode(
                value=SUCCESS, status_code=None if whole else samlp.StatusCode(value=f"{STATUS}PartialLogout")
            )
        ),
    )
    return _sent(response, "SAMLResponse", binding, service.response_url, relay_state, key)


def _heading(entity_id: str, ident: str, destination: str, now: int) -> dict[str, Any]:
    from saml2 import saml

    return {
        "id": ident,
        "version": "2.0",
        "issue_instant": written(now),
        "destination": destination,
        "issuer": saml.Issuer(text=entity_id),
    }


def _service(party: Party, wanted: str) -> tuple[str, Endpoint] | None:
    for binding in (wanted, REDIRECT, POST):
        if binding in party.sign_out:
            return binding, party.sign_out[binding]
    return None


def _sent(message: Any, field: Field, binding: str, url: str, relay_state: str, key: OwnKey | None) -> Outgoing:
    document = str(message).encode()
    if binding == REDIRECT:
        return redirect(url, field, document, relay_state, key.private_key if key else None)
    if key is not None:
        # Not by pysaml2: what signs there loads every schema of SAML first, which takes two seconds.
        document = signed(document, message.id, key.private_key, key.certificate)
    return form(url, field, document, relay_state)
