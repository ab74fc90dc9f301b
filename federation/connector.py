"""The seam between the broker and a provider: depart, return, and what else a provider may be able to do.

A connector is made for one provider of one pool and keeps nothing of a login: what `begin` hands out as memo comes back to
`finish` in the `Handoff`. It judges the whole answer (signature, issuer, audience, nonce, time) before it returns an identity.
Abilities that not every provider has are protocols of their own; whoever wants one asks with isinstance.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from federation.model import (
    Asked,
    Begun,
    Callback,
    ExternalIdentity,
    Handoff,
    IdentityProvider,
    Outgoing,
    UpstreamSession,
)
from federation.ports import Host


@runtime_checkable
class Connector(Protocol):
    """One provider."""

    async def begin(self, asked: Asked) -> Begun:
        """Where the browser goes. Raises Misconfigured, ProviderUnavailable."""
        ...

    async def finish(self, handoff: Handoff, callback: Callback) -> ExternalIdentity:
        """Who came back. The host has made sure that the hand-off belongs to this browser, and has used it up.

        Raises any FederationError.
        """
        ...


@runtime_checkable
class Refreshes(Protocol):
    """Can say again what is known of a person, without the person."""

    async def refresh(self, refresh_token: str, subject: str, now: int) -> ExternalIdentity:
        """The identity anew, with the refresh token that replaces the old one, if there is one. Raises any
        FederationError; ProviderRefused where the access was taken back.
        """
        ...


@runtime_checkable
class SignsOut(Protocol):
    """Can end the session there too."""

    async def sign_out(self, session: UpstreamSession, return_url: str, state: str, now: int) -> Begun | None:
        """Where the browser goes to end it; None if the provider offers no such thing."""
        ...


@runtime_checkable
class FinishesSignOut(Protocol):
    """Answers `SignsOut.sign_out` with a message of its own (SAML LogoutResponse)."""

    async def sign_out_finished(self, handoff: Handoff, callback: Callback) -> None:
        """Return if the session there has ended. Raises BadAnswer, and ProviderRefused if it has not, or not everywhere."""
        ...


@runtime_checkable
class Unsolicited(Protocol):
    """May begin a sign-in there, without our asking (SAML IdP-initiated)."""

    async def unsolicited(self, callback: Callback, acs_url: str) -> tuple[ExternalIdentity, str]:
        """Who came, and the raw RelayState: anybody may have written that.

        Args:
            acs_url: where it came in, as it was announced.

        Raises any FederationError; NotForUs where the settings do not allow it.
        """
        ...


@runtime_checkable
class Recognizes(Protocol):
    """Shares an address with others of its kind, where messages come in without a hand-off."""

    async def recognizes(self, callback: Callback) -> bool:
        """Whether the message says that it is this provider's. Nothing is verified: it tells whose connector is to judge."""
        ...


@runtime_checkable
class Publishes(Protocol):
    """Has a document about us that the provider reads."""

    async def metadata(self) -> bytes:
        """The document, XML (`application/samlmetadata+xml`)."""
        ...


@runtime_checkable
class ReadsEncrypted(Protocol):
    """Is sent what only we can read."""

    async def encryption_keys(self) -> Sequence[Mapping[str, str]]:
        """Our public keys that the provider encrypts for, as JWKs (RFC 7517); none where it is not asked to encrypt."""
        ...


@runtime_checkable
class Tends(Protocol):
    """Has something to see to while nobody signs in. A login does it itself where nobody has."""

    async def tend(self, now: int) -> int:
        """See to it. When to come back, in seconds since the epoch. Raises nothing of its own."""
        ...


@dataclass(frozen=True, slots=True)
class EndedThere:
    """A session that ended at the provider: by its id there, or all of the subject.

    Attributes:
        answer: what the browser takes back to the provider, where the protocol has one.
        framed_by: where the provider's own pages are, one of which may have the answer in a frame.
    """

    subject: str | None
    session: str | None
    answer: Outgoing | None = None
    framed_by: tuple[str, ...] = ()


@runtime_checkable
class HearsSignOut(Protocol):
    """Is told by the provider that a session ended there."""

    async def signed_out(self, callback: Callback) -> EndedThere:
        """Which one. `callback` is the provider's own request, or the browser's on its behalf. Raises BadAnswer."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what, how it is, and what to do if it is not well."""

    name: str
    outcome: Literal["ok", "warning", "error"]
    found: str
    advice: str = ""


@runtime_checkable
class Examines(Protocol):
    """Can look at its own settings and at the provider, without anybody signing in."""

    async def examine(self, callback_url: str, now: int) -> list[Check]:
        """What was found. Raises nothing of its own: a failure is a Check."""
        ...


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """A key of `[[identity_providers]]` that a kind takes, beyond those of every provider.

    Attributes:
        type: what it holds. A "file" is read by the host: `metadata_file` comes to the connector as `metadata`, its text.
        secret: it is sealed, and opened by `Host.secrets` alone. A pool file may refer to a variable or a file.
        values: the words that a text may be; empty allows any.
        about: what it is for, in a sentence.
    """

    name: str
    type: Literal["string", "boolean", "integer", "strings", "file"] = "string"
    required: bool = False
    secret: bool = False
    values: tuple[str, ...] = ()
    example: str = ""
    about: str = ""


def _nothing(_identity: ExternalIdentity) -> Collection[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of provider, as data.

    Attributes:
        type: the key in pool files.
        label: its name as people know it.
        protocol: what it speaks.
        settings: the keys it takes beyond those of every provider.
        scope: what is asked for unless the pool says otherwise.
        mapping: an attribute of the pool to where it is found, unless the pool says otherwise.
        posts_back: whether the browser comes back by POST, and so without our cookies.
        icon: the name of its mark among the static files; "" has none.
        build: makes the connector; called with the first login, so that what is slow to load is loaded then.
        speaks_for: the domains of addresses that are this provider's by its nature, going by what it said: gmail.com is
            Google's, and so is the domain in a `hd` claim of Google's.
        needs_client: whether it knows us by a `client_id`.
    """

    type: str
    label: str
    protocol: Literal["oidc", "oauth2", "saml"]
    build: Callable[[IdentityProvider, Host], Connector]
    settings: tuple[SettingSpec, ...] = ()
    scope: tuple[str, ...] = ()
    mapping: Mapping[str, str] | None = None
    posts_back: bool = False
    icon: str = ""
    speaks_for: Callable[[ExternalIdentity], Collection[str]] = _nothing
    needs_client: bool = True

    @property
    def speaks_by_nature(self) -> bool:
        """Whether some domains are this provider's without anybody saying so."""
        return self.speaks_for is not _nothing
