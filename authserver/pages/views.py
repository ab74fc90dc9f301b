"""What each hosted page shows, as frozen values: the only thing a handler hands to the renderer.

A view says which page it is and in what state; `PageContext` says what is the same on every page of a response. Views
know nothing of requests, stores or HTML. Texts in them (names, identifiers) are raw: escaping is the renderer's work.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from authserver.model.clients import Client
from authserver.model.pools import Branding, Pool
from authserver.pages.links import image_source

Step = Literal["identifier", "account", "password", "change_identifier", "consent", "switch_account", "sign_out"]
"""What the hidden field `step` of a form says: which of a page's forms was sent."""


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
        client: the application that asked for the sign-in, if there is one.
        action: where the page's forms are sent.
        csrf: the token that comes back in the field `csrf`.
        languages: from `i18n.Catalogues.menu`; a menu of fewer than two is not shown.
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

    @property
    def logo(self) -> str | None:
        """The pool's logo, if it has one that may be shown."""
        return image_source(self.branding.logo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person as pages show them. `id` is what comes back in the field `account` of a chip's form."""

    name: str
    detail: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierStep:
    """Who are you? Fields `username`, `password` (collapsed, for password managers); forms `identifier`, `account`.

    Attributes:
        sign_in_with: the pool's kinds of sign-in name; they choose label and keyboard.
        identifier: what the field holds already: what was typed, or `login_hint`.
        accounts: who may be continued as with one press.
        fault: "empty" if nothing was typed; "throttled" goes with `retry_after`.
        retry_after: seconds until the next try.
        sign_up_url: where to create an account; None where sign-up is off.
    """

    template: ClassVar[str] = "identifier.html"

    sign_in_with: tuple[str, ...] = ("username", "email")
    identifier: str = ""
    accounts: tuple[Account, ...] = ()
    fault: Literal["empty", "throttled"] | None = None
    retry_after: int | None = None
    sign_up_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordStep:
    """Prove it. Field `password`; forms `password` and `change_identifier`.

    Attributes:
        identifier: what was typed on the step before, known or not.
        fault: "wrong_credentials" has one sentence for every cause (ASVS 6.3.8).
        retry_after: seconds until the next try, with the fault "throttled".
        reauthentication: somebody is signed in already and must prove to be still there (`prompt=login`, `max_age`).
        forgot_password_url: None where recovery is off.
    """

    template: ClassVar[str] = "password.html"

    identifier: str
    fault: Literal["empty", "wrong_credentials", "throttled"] | None = None
    retry_after: int | None = None
    reauthentication: bool = False
    forgot_password_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLine:
    """One scope asked for. `description` is what the pool says of it; built-in scopes have words of their own.

    `new` marks it among others that were allowed before.
    """

    name: str
    description: str = ""
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeGroup:
    """The scopes of one API, by its name; those about the account itself have `api` None."""

    api: str | None
    scopes: tuple[ScopeLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStep:
    """May this client do that? Form `consent` with the field `decision` ("approve" or "deny"), and `switch_account`.

    The context must name the client. `returns_to` is the host of the redirect URI, shown so that people see where the
    answer goes.
    """

    template: ClassVar[str] = "consent.html"

    account: Account
    groups: tuple[ScopeGroup, ...]
    returns_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOutConfirm:
    """Really sign out? Form `sign_out`. `cancel_url` is where the way back leads; without it there is none."""

    template: ClassVar[str] = "sign_out.html"

    account: Account | None = None
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """Done. `return_url` leads to `return_name`, or just on if that is empty."""

    template: ClassVar[str] = "signed_out.html"

    return_url: str | None = None
    return_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What went wrong, in words, and a way on.

    Attributes:
        code: an OAuth error code or one of ours (DESIGN 4); the page's `data-code`.
        reason: with "expired": "foreign" (another browser's) or "finished" instead of the plain end of time.
        retry_after: seconds, for "throttled" and "unavailable".
        restart_url: starts the same request again.
        back_url: leads back to the client.
        details: (name, value) pairs for developers, folded away; only what may be shown to anybody.
    """

    template: ClassVar[str] = "error.html"

    code: str
    reason: str | None = None
    retry_after: int | None = None
    restart_url: str | None = None
    back_url: str | None = None
    details: tuple[tuple[str, str], ...] = ()


View = IdentifierStep | PasswordStep | ConsentStep | SignOutConfirm | SignedOut | ErrorPage


def scope_groups(pool: Pool, scope: tuple[str, ...], allowed_before: tuple[str, ...] = ()) -> tuple[ScopeGroup, ...]:
    """The scopes of a request as the consent page lists them: about the account first, then API by API.

    Args:
        pool: whose resource servers describe the custom scopes.
        scope: what is asked for, in its order.
        allowed_before: what the person allowed this client already; with nothing allowed, nothing is marked as new.
    """
    described = pool.scope_descriptions()
    apis = {name: server.name or server.identifier for server in pool.resource_servers for name in server.scope_names()}
    grouped: dict[str | None, list[ScopeLine]] = {None: []}
    for name in dict.fromkeys(scope):
        new = bool(allowed_before) and name not in allowed_before
        line = ScopeLine(name=name, description=described.get(name, ""), new=new)
        grouped.setdefault(apis.get(name), []).append(line)
    return tuple(ScopeGroup(api=api, scopes=tuple(lines)) for api, lines in grouped.items() if lines)
