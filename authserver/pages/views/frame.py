"""What is the same on every page of a response: language, pool, client, token, and the menus at its foot."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, Self

from authserver.model.clients import Client
from authserver.model.pools import Branding
from authserver.pages.links import image_source

Theme = Literal["light", "dark"]

THEME_COOKIE = "poolgate-theme"
"""The cookie that the theme menu writes ("light" or "dark"; absent: the system's own). The page reads it in script, so
it is not HttpOnly; on https its name has the prefix `__Host-`."""


class View(Protocol):
    """One page in one state. A frozen dataclass whose `template` is a file of `templates/`."""

    @property
    def template(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageLink:
    """A language offered in the footer: its tag (BCP 47), its own name for itself, and the URL that switches to it."""

    tag: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMark:
    """The application a page speaks of. A logo or link that is not fit to be shown is left out by the renderer."""

    name: str
    logo_uri: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None

    @classmethod
    def of(cls, client: Client) -> Self:
        """How `client` presents itself; one without a name is called by its client_id."""
        return cls(
            name=client.client_name or client.client_id,
            logo_uri=client.logo_uri,
            client_uri=client.client_uri,
            policy_uri=client.policy_uri,
            tos_uri=client.tos_uri,
        )

    @property
    def logo(self) -> str | None:
        return image_source(self.logo_uri)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """What every page needs, whatever it shows.

    Attributes:
        language: one that `i18n.choose_language` returned.
        nonce: of this response, the same that goes into its policy.
        request_id: what our log calls this request; shown on error pages.
        pool_name: None on the page that is shown before any pool is known.
        branding: the pool's, with the client's over it (`branding.merge`).
        client: the application that asked for the sign-in, if there is one.
        action: where the page's forms are sent.
        csrf: the token that comes back in the field `csrf`.
        languages: from `i18n.Catalogues.menu`; a menu of fewer than two is not shown.
        theme: what the cookie `THEME_COOKIE` says; None follows the system.
        theme_cookie: the cookie's name with its prefix; "" leaves the theme menu out.
        now: seconds since the epoch; with it, recent times are told as "2 hours ago", without it as dates.
    """

    language: str
    nonce: str
    request_id: str = ""
    pool_name: str | None = None
    branding: Branding = field(default_factory=Branding)
    client: ClientMark | None = None
    action: str = ""
    csrf: str = ""
    languages: tuple[LanguageLink, ...] = ()
    theme: Theme | None = None
    theme_cookie: str = ""
    now: int = 0

    choosable_schemes: ClassVar[frozenset[str]] = frozenset({"", "light dark"})

    @property
    def logo(self) -> str | None:
        """The pool's logo, if it has one that may be shown."""
        return image_source(self.branding.logo)

    @property
    def dark_logo(self) -> str | None:
        """The logo on dark ground, if there is another one for it."""
        return image_source(self.branding.logo_dark)

    @property
    def logos(self) -> tuple[str | None, str | None]:
        """Both logos."""
        return self.logo, self.dark_logo

    @property
    def theme_menu(self) -> bool:
        """Whether people choose the theme: not where the pool has settled on one."""
        return bool(self.theme_cookie) and self.branding.tokens.get("scheme", "") in self.choosable_schemes
