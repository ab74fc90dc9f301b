"""What the broker speaks of: a provider as it is set up, a departure, a return, and who came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LinkingPolicy = Literal["ask", "verified_email", "never"]
"""What becomes of an identity whose address a local account has: its owner proves the account first; the two are joined if
both sides vouch for the address (DESIGN 6.3); or they stay apart.
"""

ProviderName = Literal["domain", "identifier"]
"""What a provider may be found by, beside its name."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A provider as a pool has set it up.

    Attributes:
        name: unique in the pool, part of URLs and of user names: [A-Za-z0-9_.-]{1,32}.
        type: a key of `connectors.KINDS`, such as "oidc", "saml" or "google".
        display_name: what its button says; the kind's own name if empty.
        enabled: a disabled one signs nobody in, on any way; an administrator may still try it.
        shown: whether it has a button. One that is found by domain needs none.
        client_id: ours, as the provider knows us.
        settings: what else the kind asks for, by the keys of the pool file.
        sealed_secrets: what must not be read, sealed by the host, by the keys of the pool file.
        scope: what is asked for; empty takes the kind's own.
        domains: of email addresses whose owners belong to this provider.
        identifiers: further names for `idp_identifier`.
        attribute_mapping: an attribute of the pool to where its value is found (`mapping`).
        groups: where the names of groups are found, and which of the pool's they mean; those that are not named mean
            nothing.
        linking: in place of the pool's policy.
        sync: whether attributes follow the provider at each sign-in, or are taken once.
        creates: whether somebody new gets an account. Without, only linked people come in.
        trust_email: whether addresses of `domains` count as verified although the provider does not say so.
        keep_refresh_token: whether the provider's refresh token is kept with the identity, and asked for where that can be
            done without the person noticing.
        trusted: claims of strength that are believed: upstream `acr` values to how many factors they stand for.
        callback: "shared" returns to the bare path, where Cognito's clients have registered it.
        managed: a pool file has it, and owns it.
    """

    name: str
    type: str
    display_name: str = ""
    enabled: bool = True
    shown: bool = True
    client_id: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    sealed_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_digests: Mapping[str, str] = field(default_factory=dict, repr=False)
    scope: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    attribute_mapping: Mapping[str, str] = field(default_factory=dict)
    groups: "GroupMapping | None" = None
    linking: LinkingPolicy | None = None
    sync: Literal["create", "always"] = "always"
    creates: bool = True
    trust_email: bool = False
    keep_refresh_token: bool = False
    trusted: Mapping[str, int] = field(default_factory=dict)
    callback: Literal["own", "shared"] = "own"
    managed: bool = False

    def names(self) -> frozenset[tuple[ProviderName, str]]:
        """What it may be found by, in lower case. No two providers of a pool share one."""
        domains: set[tuple[ProviderName, str]] = {("domain", domain.lower()) for domain in self.domains}
        return frozenset(domains | {("identifier", identifier.lower()) for identifier in self.identifiers})

    def setting(self, name: str, default: str = "") -> str:
        """A setting that is a text."""
        value = self.settings.get(name, default)
        return value if isinstance(value, str) else default


@dataclass(frozen=True, slots=True)
class GroupMapping:
    """`source` is a path as in `attribute_mapping`; `names` maps the provider's names to groups of the pool. With
    `managed`, whoever is no longer in a mapped group there leaves it here.
    """

    source: str
    names: Mapping[str, str]
    managed: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What a departure is to say to the provider.

    Attributes:
        state: unguessable, in the URL; comes back with the browser (OAuth `state`, SAML RelayState).
        callback_url: where the browser is to come back.
        now: seconds since the epoch.
        login_hint: who is expected, if somebody typed a name.
        fresh: the person must prove anew who they are (`prompt=login`, `max_age=0`, ForceAuthn).
        silent: no page may be shown there (`prompt=none`, IsPassive).
        max_age: seconds.
        acr_values: in the provider's own words.
        ui_locales: languages of the person, best first.
    """

    state: str
    callback_url: str
    now: int
    login_hint: str | None = None
    fresh: bool = False
    silent: bool = False
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    ui_locales: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """The browser goes there by GET."""

    url: str


@dataclass(frozen=True, slots=True)
class FormPost:
    """The browser sends these fields there by POST."""

    url: str
    fields: tuple[tuple[str, str], ...]


Outgoing = Redirect | FormPost


@dataclass(frozen=True, slots=True)
class Begun:
    """A departure: where the browser goes, and the `memo` that `finish` needs. The memo holds secrets of this login (nonce,
    PKCE verifier); the host keeps it on its own side.
    """

    outgoing: Outgoing
    memo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handoff:
    """A departure as it is kept until the browser comes back: once, and for minutes."""

    state: str
    pool: str
    provider: str
    callback_url: str
    begun_at: int
    fresh: bool = False
    max_age: int | None = None
    memo: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """What the browser brought back. `params` keeps repetition and order; `query` is the raw query string, over which some
    signatures go; `now` is in seconds since the epoch.
    """

    method: Literal["GET", "POST"]
    params: tuple[tuple[str, str], ...]
    query: str
    now: int

    def one(self, name: str) -> str | None:
        """The parameter's value; None if it is missing or empty (RFC 6749 3.1). Raises BadAnswer if it is repeated."""
        from federation.errors import BadAnswer

        values = [value for key, value in self.params if key == name]
        if len(values) > 1:
            raise BadAnswer(f"the parameter {name} came {len(values)} times")
        return values[0] or None if values else None


@dataclass(frozen=True, slots=True)
class UpstreamSession:
    """What a sign-out there, or a notice of one from there, will name. `id_token` is for `id_token_hint` alone."""

    subject: str
    session: str | None = None
    name_id: Mapping[str, str] = field(default_factory=dict)
    id_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Who came, as the provider says. Everything in it was verified.

    Attributes:
        provider: the name of the one who says so.
        issuer: who that is by its protocol: an issuer identifier, an entity ID. A provider that is set up anew under an old
            name is another one, and its subjects are others.
        subject: the person's identifier there, stable, compared to the letter.
        claims: by the names of OpenID Connect Core 5.1 where one fits, by the provider's own where none does.
            `email_verified` is true only if the provider said so in a way that counts.
        authenticated_at: when the person proved who they are, if that was told.
        acr, amr: how, in the provider's words.
        session: what a sign-out needs.
        refresh_token: the provider's, if it gave one.
        sources: what it was read from, for triggers and for trials: "idToken", "userInfo", "tokenResponse" (without
            tokens), "samlResponse".
    """

    provider: str
    issuer: str
    subject: str
    claims: Mapping[str, object]
    authenticated_at: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    session: UpstreamSession | None = None
    refresh_token: str | None = field(default=None, repr=False)
    sources: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)

    @property
    def email(self) -> str | None:
        """The address, verified or not."""
        email = self.claims.get("email")
        return email if isinstance(email, str) and email else None

    @property
    def email_verified(self) -> bool:
        """Whether the provider vouches for the address: boolean true and nothing else (DESIGN 6.3)."""
        return self.email is not None and self.claims.get("email_verified") is True


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """An identity that a user of the pool signs in with. At most one user has a (provider, subject), and a user has at most
    one of a provider.

    `name` is what the owner knows it by, such as an address; `sealed_refresh_token` is kept only where the provider is
    asked for one.
    """

    pool: str
    user_id: str
    provider: str
    subject: str
    issuer: str
    linked_at: int
    name: str = ""
    used_at: int | None = None
    sealed_refresh_token: str | None = field(default=None, repr=False)
