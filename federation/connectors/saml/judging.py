"""Whether a response that is signed is also meant for this sign-in, now (SAML Profiles 4.1.4). Pure: no I/O, no clock."""

from dataclasses import dataclass

from federation.connectors.saml.claims import Attribute, NameId, attributes_of, name_id_of
from federation.connectors.saml.documents import Element, only_child, text_of
from federation.connectors.saml.moments import moment
from federation.connectors.saml.names import (
    BEARER,
    ENTITY,
    FRESH,
    PERSISTENT,
    SKEW,
    STATUS,
    SUCCESS,
    TRANSIENT,
    saml,
    samlp,
)
from federation.connectors.saml.opening import Opened
from federation.errors import BadAnswer, Cancelled, NotForUs, ProviderRefused


@dataclass(frozen=True, slots=True)
class Expected:
    """What the response must fit.

    Attributes:
        issuer: the provider's entity ID.
        audience: ours.
        acs_url: where the response came in, as we announced it.
        request_id: of our request; None for a sign-in that began at the provider.
        proven_since: how long ago the person may have signed in there; None if that does not matter.
        now: seconds since the epoch.
    """

    issuer: str
    audience: str
    acs_url: str
    request_id: str | None
    now: int
    proven_since: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What the assertion says. `usable_until` is when nobody would take it any more."""

    assertion_id: str
    usable_until: int
    name_id: NameId | None
    attributes: tuple[Attribute, ...]
    authenticated_at: int
    context: str | None
    session_index: str | None


def judge(opened: Opened, expected: Expected) -> Statement:
    """What the provider says of whom. Raises BadAnswer, NotForUs, ProviderRefused, Cancelled."""
    _check_heading(opened.response, expected)
    check_status(opened.response)
    assertion = opened.assertion
    if assertion is None:
        raise BadAnswer("the response has no assertion")
    now = expected.now
    if assertion.get("Version") != "2.0":
        raise BadAnswer("the assertion is of another version of SAML")
    check_issuer(only_child(assertion, saml("Issuer")), expected.issuer)
    issued = moment(assertion.get("IssueInstant"))
    _check_issued(issued, expected)
    subject = only_child(assertion, saml("Subject"))
    if subject is None:
        raise BadAnswer("the assertion has no subject")
    usable_until = _confirmed(subject, expected)
    _check_conditions(only_child(assertion, saml("Conditions")), expected)
    authn = assertion.find(saml("AuthnStatement"))
    if authn is None:
        raise BadAnswer("the assertion does not say that the person has signed in")
    at = moment(authn.get("AuthnInstant"))
    if at is None or at > now + SKEW:
        raise BadAnswer("the person is to have signed in in the future")
    if expected.proven_since is not None and at < expected.proven_since - SKEW:
        raise NotForUs("the person was to sign in anew, and the provider did not see to it")
    session_end = moment(authn.get("SessionNotOnOrAfter"))
    if session_end is not None and session_end <= now - SKEW:
        raise NotForUs("the session at the provider has ended")
    name = only_child(subject, saml("NameID"))
    context = authn.find(f"{saml('AuthnContext')}/{saml('AuthnContextClassRef')}")
    return Statement(
        assertion_id=assertion.get("ID"),
        usable_until=usable_until,
        name_id=_named(name_id_of(name), expected) if name is not None else None,
        attributes=attributes_of(assertion),
        authenticated_at=min(at, now),
        context=text_of(context).strip() or None,
        session_index=authn.get("SessionIndex") or None,
    )


def _check_heading(response: Element, expected: Expected) -> None:
    if response.get("Version") != "2.0":
        raise BadAnswer("the response is of another version of SAML")
    check_issuer(only_child(response, saml("Issuer")), expected.issuer)
    if response.get("Destination") != expected.acs_url:
        raise NotForUs("the response was sent to another address")
    if response.get("InResponseTo") != expected.request_id:
        raise NotForUs(_otherwise_asked(expected))
    _check_issued(moment(response.get("IssueInstant")), expected)


def check_status(message: Element) -> None:
    """Return if the status is success. Raises ProviderRefused, Cancelled with the innermost word of the status."""
    codes = [c.get("Value") or "" for c in message.iterfind(f"{samlp('Status')}//{samlp('StatusCode')}")]
    if codes[:1] == [SUCCESS]:
        return
    known = [word for c in codes if c.startswith(STATUS) and (word := c.removeprefix(STATUS)).isalpha()]
    word = known[-1] if known and len(known[-1]) < 60 else "Unknown"
    raise Cancelled(word) if word == "RequestDenied" else ProviderRefused(word)


def check_issuer(issuer: Element | None, expected: str) -> None:
    """Return if it is the provider, to the letter. Raises NotForUs."""
    if text_of(issuer) != expected or issuer is None or issuer.get("Format", ENTITY) != ENTITY:
        raise NotForUs("the message is of another provider")


def _otherwise_asked(expected: Expected) -> str:
    if expected.request_id is None:
        return "the response is to a request, and came as if there had been none"
    return "the response is not to the request of this sign-in"


def _check_issued(issued: int | None, expected: Expected) -> None:
    if issued is None or issued > expected.now + SKEW:
        raise BadAnswer("the message was issued in the future")
    if expected.request_id is None and issued < expected.now - FRESH:
        raise NotForUs(f"the message was issued more than {FRESH} seconds ago")


def _confirmed(subject: Element, expected: Expected) -> int:
    """Until when the bearer may use it. One confirmation must fit in all points (Profiles 4.1.4.3)."""
    reasons = ["nobody may bear the assertion"]
    for confirmation in subject.iterfind(saml("SubjectConfirmation")):
        data = only_child(confirmation, saml("SubjectConfirmationData"))
        if confirmation.get("Method") != BEARER or data is None:
            continue
        ends, begins = moment(data.get("NotOnOrAfter")), moment(data.get("NotBefore"))
        if data.get("Recipient") != expected.acs_url:
            reasons.append("the assertion is for another recipient")
        elif data.get("InResponseTo") != expected.request_id:
            reasons.append(_otherwise_asked(expected))
        elif ends is None or ends <= expected.now - SKEW:
            reasons.append("the assertion has expired, or never does")
        elif begins is not None and begins > expected.now + SKEW:
            reasons.append("the assertion is not valid yet")
        else:
            return ends + SKEW
    raise NotForUs(reasons[-1])


def _check_conditions(conditions: Element | None, expected: Expected) -> None:
    if conditions is None:
        raise NotForUs("the assertion does not say for whom it is")
    begins, ends = moment(conditions.get("NotBefore")), moment(conditions.get("NotOnOrAfter"))
    if begins is not None and begins > expected.now + SKEW:
        raise NotForUs("the assertion is not valid yet")
    if ends is not None and ends <= expected.now - SKEW:
        raise NotForUs("the assertion has expired")
    known = {saml("AudienceRestriction"), saml("OneTimeUse"), saml("ProxyRestriction")}
    if any(condition.tag not in known for condition in conditions):
        raise BadAnswer("the assertion has a condition that we do not know")  # Core 2.5.1.1: then it is not valid
    restrictions = conditions.findall(saml("AudienceRestriction"))
    for restriction in restrictions:  # each of them must hold (Core 2.5.1.4)
        if expected.audience not in [text_of(a) for a in restriction.iterfind(saml("Audience"))]:
            raise NotForUs("the assertion is for another audience")
    if not restrictions:
        raise NotForUs("the assertion does not say for whom it is")


def _named(name: NameId, expected: Expected) -> NameId:
    check_qualifiers(name, expected.issuer, expected.audience)
    return name


def check_qualifiers(name: NameId, issuer: str, audience: str) -> None:
    """Return if a name of a kind that is qualified is the provider's name for us (Core 8.3.7, 8.3.8). Raises NotForUs."""
    if name.format not in {PERSISTENT, TRANSIENT}:
        return
    if name.name_qualifier not in {"", issuer} or name.sp_name_qualifier not in {"", audience}:
        raise NotForUs("the person is named as another provider does, or to somebody else")
