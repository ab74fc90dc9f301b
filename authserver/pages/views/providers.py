"""The steps of a sign-in that goes by another provider."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.parts import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingStep:
    """On the way to another provider. The browser goes by itself; who waits for nothing presses `continue`.

    Attributes:
        url: where a link leads, or the form with `fields`, if there are any, is sent.
        fields: name and value of each field of a form (SAML's POST binding).
    """

    template: ClassVar[str] = "leaving.html"

    provider: Provider
    url: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return (self.provider.logo_uri,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveAccountStep:
    """An account with the same address is here, and has no password: it is proven at a provider it is linked with. Forms
    `provider` (field `provider`), `change_identifier`.

    Attributes:
        joining: the provider that the person came from.
        providers: those that the account is linked with.
    """

    template: ClassVar[str] = "prove_account.html"

    identifier: str
    joining: str
    providers: tuple[Provider, ...] = ()
    trouble: str = ""
    trouble_at: str = ""

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return tuple(provider.logo_uri for provider in self.providers)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One thing that was looked at: how it is, and what to do about it."""

    name: str
    outcome: Literal["ok", "warning", "error"]
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLogin:
    """What came of a trial login: the error with what to do, or who came and what would become of them.

    Attributes:
        claims, mapped: name and value.
        skipped: what would not be taken, and why.
        groups, unknown_groups: of the pool, and those of the provider that mean none.
        decision: what would happen.
        sources: what the provider sent, decoded: its name and the text.
    """

    verified: bool
    reason: str = ""
    advice: str = ""
    subject: str = ""
    claims: tuple[tuple[str, str], ...] = ()
    mapped: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unknown_groups: tuple[str, ...] = ()
    decision: str = ""
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTrial:
    """A provider is tried by an administrator: what was looked at, and, once somebody has logged in there, what came of it.
    Form `trial`.
    """

    template: ClassVar[str] = "provider_trial.html"

    provider: Provider
    enabled: bool
    checks: tuple[CheckLine, ...]
    login: TrialLogin | None = None

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return (self.provider.logo_uri,)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsolicitedStep:
    """Somebody comes from a provider without our asking: is that what they want? Form `unsolicited`."""

    template: ClassVar[str] = "unsolicited.html"

    provider: Provider

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return (self.provider.logo_uri,)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardStep:
    """Signed in, and on to the app. The browser goes by itself; who waits for nothing presses `continue`.

    Attributes:
        url: where a link leads, or the form with `fields`, if there are any, is sent.
        fields: name and value of each field of a form (SAML's POST binding).
    """

    template: ClassVar[str] = "onward.html"

    url: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOutStep:
    """Signed out here, and on the way to an app or a provider that is to hear of it. The browser goes by itself.

    Attributes:
        name: of the app or the provider.
        url, fields: as those of `OnwardStep`.
    """

    template: ClassVar[str] = "signing_out.html"

    name: str
    url: str
    fields: tuple[tuple[str, str], ...] = ()
