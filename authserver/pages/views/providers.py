"""The steps of a sign-in that goes by another provider."""

from dataclasses import dataclass
from typing import ClassVar

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
class TrialDone:
    """A trial login came back. Nobody was signed in; what came of it stands where the trial was begun."""

    template: ClassVar[str] = "trial_done.html"

    well: bool = True


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
    """Back from a provider, and on to the app. The browser goes by itself; who waits for nothing presses `continue`."""

    template: ClassVar[str] = "onward.html"

    url: str
