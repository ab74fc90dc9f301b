"""From what an assertion says to an identity."""

from federation.connectors.saml.claims import NameId, claims_of
from federation.connectors.saml.judging import Statement
from federation.connectors.saml.names import TRANSIENT
from federation.connectors.saml.settings import SamlSettings
from federation.errors import BadAnswer
from federation.model import ExternalIdentity, UpstreamSession


def identity_of(provider: str, issuer: str, settings: SamlSettings, statement: Statement) -> ExternalIdentity:
    """Who came.

    Args:
        provider: the provider's name in the pool.
        issuer: its entity ID.

    Raises BadAnswer if there is nothing that names the person for good.
    """
    name_id = statement.name_id
    claims = claims_of(statement.attributes, name_id or NameId(""))
    subject = _subject(settings, name_id, claims)
    session = None
    if name_id is not None:
        # A sign-out names the person as the assertion did, whatever the pool takes for the subject.
        session = UpstreamSession(name_id.value, statement.session_index, name_id.as_texts())
    return ExternalIdentity(
        provider=provider,
        issuer=issuer,
        subject=subject,
        claims=claims,
        authenticated_at=statement.authenticated_at,
        acr=statement.context,
        session=session,
        sources={"samlResponse": {a.name: list(a.values) for a in statement.attributes}},
    )


def _subject(settings: SamlSettings, name_id: NameId | None, claims: dict[str, object]) -> str:
    if settings.subject_attribute:
        value = claims.get(settings.subject_attribute)
        if not isinstance(value, str) or not value.strip():
            raise BadAnswer(
                "the attribute that names the person (subject_attribute) did not come with exactly one value"
            )
        return value
    if name_id is None or not name_id.value.strip():
        raise BadAnswer("the assertion has no NameID")
    if name_id.format == TRANSIENT:
        raise BadAnswer(
            "the NameID is transient, another one each time: set subject_attribute, or ask for another format"
        )
    if settings.name_id_format and name_id.format not in {"", settings.name_id_format}:
        raise BadAnswer("the NameID is of another format than the one that was asked for")
    return name_id.value
