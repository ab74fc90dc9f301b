"""What we answer: a samlp:Response, with an assertion or with what went wrong (SAML Core 3.2.2 and 2.3.3, Profiles 4.1.4.2)."""

from collections.abc import Callable
from typing import Any

from federation.connectors.saml.bindings import form
from federation.connectors.saml.documents import parser
from federation.connectors.saml.keys import OwnKey
from federation.connectors.saml.moments import written
from federation.connectors.saml.names import BEARER, ENTITY, SKEW, STATUS, SUCCESS
from federation.connectors.saml.signatures import signed
from federation.model import FormPost
from federation.saml_idp.model import Asserted, NameIdentifier, ServiceProvider
from federation.saml_idp.requests import AuthnRequest
from federation.saml_idp.sealing import encrypted

USABLE_FOR = 300
"""Seconds from the answer to its arrival."""

_BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"

RESPONDER, REQUESTER = f"{STATUS}Responder", f"{STATUS}Requester"
NO_PASSIVE = (RESPONDER, f"{STATUS}NoPassive")
NO_AUTHN_CONTEXT = (RESPONDER, f"{STATUS}NoAuthnContext")
AUTHN_FAILED = (RESPONDER, f"{STATUS}AuthnFailed")
REQUEST_DENIED = (RESPONDER, f"{STATUS}RequestDenied")
UNKNOWN_PRINCIPAL = (RESPONDER, f"{STATUS}UnknownPrincipal")
INVALID_NAME_ID_POLICY = (REQUESTER, f"{STATUS}InvalidNameIDPolicy")

Status = tuple[str, str]
"""A top-level code and the second-level one that says more (Core 3.2.2.2)."""


class Writer:
    """Writes responses of one identity provider.

    Args:
        entity_id: ours.
        key: signs.
        random: as many unpredictable bytes as it is asked for.
    """

    def __init__(self, entity_id: str, key: OwnKey, random: Callable[[int], bytes]) -> None:
        self._entity_id = entity_id
        self._key = key
        self._random = random

    def success(self, sp: ServiceProvider, request: AuthnRequest, asserted: Asserted, now: int) -> FormPost:
        """The form that signs the person in to the application."""
        ident = self._ident()
        assertion = str(self._assertion(sp, request, asserted, ident, now)).encode()
        if sp.sign != "response":
            assertion = signed(assertion, ident, self._key.private_key, self._key.certificate)
        if sp.encrypt:
            assertion = encrypted(_bare(assertion), sp.encryption_certificate, self._random)
        response_id = self._ident()
        message = _within(str(self._response(request, response_id, (SUCCESS,), now)).encode(), _bare(assertion))
        if sp.sign != "assertion":
            message = signed(message, response_id, self._key.private_key, self._key.certificate)
        return form(request.acs_url, "SAMLResponse", message, request.relay_state)

    def failure(self, request: AuthnRequest, status: Status, now: int) -> FormPost:
        """The form that tells the application why nobody is signed in. Always signed as a whole."""
        ident = self._ident()
        message = str(self._response(request, ident, status, now)).encode()
        message = signed(message, ident, self._key.private_key, self._key.certificate)
        return form(request.acs_url, "SAMLResponse", message, request.relay_state)

    def _response(self, request: AuthnRequest, ident: str, status: tuple[str, ...], now: int) -> Any:
        from saml2 import saml as core
        from saml2 import samlp

        second = samlp.StatusCode(value=status[1]) if len(status) > 1 else None
        return samlp.Response(
            id=ident,
            version="2.0",
            issue_instant=written(now),
            destination=request.acs_url,
            in_response_to=request.id or None,
            issuer=core.Issuer(text=self._entity_id, format=ENTITY),
            status=samlp.Status(status_code=samlp.StatusCode(value=status[0], status_code=second)),
        )

    def _assertion(self, sp: ServiceProvider, request: AuthnRequest, asserted: Asserted, ident: str, now: int) -> Any:
        from saml2 import saml as core

        until = written(now + USABLE_FOR)
        confirmed = core.SubjectConfirmationData(
            recipient=request.acs_url, not_on_or_after=until, in_response_to=request.id or None
        )
        audience = core.AudienceRestriction(audience=[core.Audience(text=sp.entity_id)])
        return core.Assertion(
            id=ident,
            version="2.0",
            issue_instant=written(now),
            issuer=core.Issuer(text=self._entity_id, format=ENTITY),
            subject=core.Subject(
                name_id=self._name_id(sp, asserted.named.name_id),
                subject_confirmation=[core.SubjectConfirmation(method=BEARER, subject_confirmation_data=confirmed)],
            ),
            # Begins a little earlier: the application's clock may be behind ours.
            conditions=core.Conditions(
                not_before=written(now - SKEW), not_on_or_after=until, audience_restriction=[audience]
            ),
            authn_statement=[
                core.AuthnStatement(
                    authn_instant=written(asserted.authenticated_at),
                    session_index=asserted.named.session_index,
                    session_not_on_or_after=written(asserted.session_ends_at),
                    authn_context=core.AuthnContext(
                        authn_context_class_ref=core.AuthnContextClassRef(text=asserted.context)
                    ),
                )
            ],
            attribute_statement=_attributes(asserted),
        )

    def _name_id(self, sp: ServiceProvider, name: NameIdentifier) -> Any:
        from saml2 import saml as core

        return core.NameID(
            text=name.value, format=name.format, name_qualifier=self._entity_id, sp_name_qualifier=sp.entity_id
        )

    def _ident(self) -> str:
        return f"_{self._random(20).hex()}"  # an ID begins with a letter or an underscore


def _attributes(asserted: Asserted) -> list[Any]:
    from saml2 import saml as core

    found = [
        core.Attribute(
            name=name,
            name_format=_URI if ":" in name else _BASIC,
            attribute_value=[core.AttributeValue(text=value) for value in values],
        )
        for name, values in asserted.attributes.items()
        if values
    ]
    return [core.AttributeStatement(attribute=found)] if found else []


def _within(document: bytes, last: bytes) -> bytes:
    """The document with one more element at its end. Put in as text: lxml would give it the prefixes of its new home, and
    they are part of what was signed.
    """
    before, end, name = _bare(document).rpartition(b"</")
    return before + last + end + name


def _bare(document: bytes) -> bytes:
    """An element as it stands in another document: without the XML declaration."""
    from lxml import etree

    element: bytes = etree.tostring(etree.fromstring(document, parser()))
    return element
