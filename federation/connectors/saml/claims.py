"""From the attributes of an assertion to claims: under the names that the provider uses, and under those that people know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from federation.connectors.saml.documents import Element, text_of
from federation.connectors.saml.names import EMAIL, XSI, saml

_XMLSOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MICROSOFT = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"
_ENTRA = "http://schemas.microsoft.com/identity/claims/"
_EDU = "urn:oid:1.3.6.1.4.1.5923.1.1.1."
_KNOWN = {
    "urn:oid:0.9.2342.19200300.100.1.1": "uid",
    "urn:oid:0.9.2342.19200300.100.1.3": "mail",
    "urn:oid:0.9.2342.19200300.100.1.41": "mobile",
    "urn:oid:2.5.4.3": "cn",
    "urn:oid:2.5.4.4": "sn",
    "urn:oid:2.5.4.10": "o",
    "urn:oid:2.5.4.11": "ou",
    "urn:oid:2.5.4.12": "title",
    "urn:oid:2.5.4.20": "telephoneNumber",
    "urn:oid:2.5.4.42": "givenName",
    "urn:oid:2.16.840.1.113730.3.1.3": "employeeNumber",
    "urn:oid:2.16.840.1.113730.3.1.39": "preferredLanguage",
    "urn:oid:2.16.840.1.113730.3.1.241": "displayName",
    f"{_EDU}1": "eduPersonAffiliation",
    f"{_EDU}6": "eduPersonPrincipalName",
    f"{_EDU}7": "eduPersonEntitlement",
    f"{_EDU}9": "eduPersonScopedAffiliation",
    f"{_EDU}10": "eduPersonTargetedID",
    f"{_EDU}11": "eduPersonAssurance",
    f"{_EDU}13": "eduPersonUniqueId",
    f"{_EDU}16": "eduPersonOrcid",
    "urn:oid:1.3.6.1.4.1.5923.1.5.1.1": "isMemberOf",
    "urn:oid:1.3.6.1.4.1.25178.1.2.9": "schacHomeOrganization",
    "urn:oasis:names:tc:SAML:attribute:subject-id": "subject-id",
    "urn:oasis:names:tc:SAML:attribute:pairwise-id": "pairwise-id",
    f"{_XMLSOAP}emailaddress": "mail",
    f"{_XMLSOAP}givenname": "givenName",
    f"{_XMLSOAP}surname": "sn",
    f"{_XMLSOAP}upn": "upn",
    f"{_XMLSOAP}name": "unique_name",  # Entra ID puts the UPN there, and the name of the person into `displayname`
    f"{_XMLSOAP}mobilephone": "mobile",
    f"{_MICROSOFT}groups": "groups",
    f"{_MICROSOFT}role": "roles",
    f"{_ENTRA}displayname": "displayName",
    f"{_ENTRA}objectidentifier": "oid",
    f"{_ENTRA}tenantid": "tid",
    "http://schemas.xmlsoap.org/claims/Group": "groups",
    "http://schemas.xmlsoap.org/claims/CommonName": "cn",
    "http://schemas.xmlsoap.org/claims/EmailAddress": "mail",
}
_OIDC = {
    "email": ("mail", "emailAddress", "emailaddress", "Email", "e-mail"),
    "given_name": ("givenName", "givenname", "firstName", "first_name", "FirstName"),
    "family_name": ("sn", "surname", "lastName", "last_name", "LastName"),
    "name": ("displayName", "displayname", "cn"),
    "preferred_username": ("eduPersonPrincipalName", "upn", "uid", "unique_name"),
    "phone_number": ("telephoneNumber", "mobile"),
    "locale": ("preferredLanguage",),
    "groups": ("memberOf", "isMemberOf", "Group"),
}
_YES = frozenset({"true", "1"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `values` may be none."""

    name: str
    friendly_name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameId:
    """How the provider names the person to us."""

    value: str
    format: str = ""
    name_qualifier: str = ""
    sp_name_qualifier: str = ""

    def as_texts(self) -> Mapping[str, str]:
        """For `UpstreamSession.name_id`: what is empty is left out."""
        pairs = {
            "value": self.value,
            "format": self.format,
            "name_qualifier": self.name_qualifier,
            "sp_name_qualifier": self.sp_name_qualifier,
        }
        return {name: value for name, value in pairs.items() if value}


def name_id_of(element: Element) -> NameId:
    """A saml:NameID. Raises BadAnswer."""
    get = element.get
    return NameId(text_of(element), get("Format") or "", get("NameQualifier") or "", get("SPNameQualifier") or "")


def attributes_of(assertion: Element) -> tuple[Attribute, ...]:
    """The attributes of all its attribute statements. Those of one name are one, with the values of all. Raises BadAnswer."""
    found: dict[str, Attribute] = {}
    for element in assertion.iterfind(f"{saml('AttributeStatement')}/{saml('Attribute')}"):
        name = element.get("Name")
        before = found.get(name, Attribute(name, "", ()))
        values = tuple(v for e in element.iterfind(saml("AttributeValue")) if (v := _value(e)) is not None)
        friendly = before.friendly_name or element.get("FriendlyName") or ""
        found[name] = Attribute(name, friendly, before.values + values)
    return tuple(found.values())


def _value(element: Element) -> str | None:
    """The text; that of the NameID in it (eduPersonTargetedID); None for nil and for other XML."""
    if element.get(f"{{{XSI}}}nil") in _YES:
        return None
    if len(element) == 0:
        return element.text or ""
    return text_of(element[0]) if len(element) == 1 and element[0].tag == saml("NameID") else None


def claims_of(attributes: Sequence[Attribute], name_id: NameId) -> dict[str, object]:
    """The claims: each attribute under its Name, its well-known short name, and the OpenID Connect claim that it is.

    A name that the provider uses itself is never overwritten. `email_verified` is what the provider says, true only for
    "true" and "1".
    """
    claims: dict[str, object] = {a.name: _plain(a.values) for a in attributes}
    for attribute in attributes:
        if (known := _KNOWN.get(attribute.name)) is not None:
            claims.setdefault(known, claims[attribute.name])
    for attribute in attributes:
        if attribute.friendly_name:
            claims.setdefault(attribute.friendly_name, claims[attribute.name])
    for claim, others in _OIDC.items():
        if claim not in claims and (other := next((o for o in others if o in claims), None)) is not None:
            claims[claim] = claims[other]
    if "email" not in claims and name_id.format == EMAIL:
        claims["email"] = name_id.value
    for flag in ("email_verified", "phone_number_verified"):
        if flag in claims:
            claims[flag] = isinstance(said := claims[flag], str) and said.strip().lower() in _YES
    return claims


def _plain(values: tuple[str, ...]) -> object:
    return values[0] if len(values) == 1 else list(values) if values else ""
