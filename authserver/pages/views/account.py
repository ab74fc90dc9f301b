"""The account page: seven sections in one frame. Their forms go to the section's own address (`PageContext.action`) and
have the hidden fields `step`, `csrf`, and where they concern one thing of a list its `id`.

What needs thought or proof (a new password, an address, the removal of a factor, the deletion) is a page of its own, in
`views.tasks` and `views.enrol`: the handler answers the form with a redirect to it.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.consent import ScopeGroup
from authserver.pages.views.frame import ClientMark
from authserver.pages.views.parts import Account, Browser, FieldView, Method, MethodKind, Provider

Section = Literal["profile", "security", "sessions", "apps", "identities", "activity", "data"]

Notice = Literal[
    "profile_saved",
    "address_changed",
    "address_verified",
    "change_cancelled",
    "code_sent",
    "password_changed",
    "password_set",
    "passkey_added",
    "passkey_renamed",
    "passkey_removed",
    "factor_added",
    "factor_removed",
    "codes_replaced",
    "device_forgotten",
    "devices_forgotten",
    "session_ended",
    "sessions_ended",
    "app_signed_out",
    "consent_revoked",
    "identity_linked",
    "identity_unlinked",
    "reported",
    "deletion_planned",
    "deletion_cancelled",
    "nothing_changed",
    "last_factor",
    "last_way_in",
    "identity_taken",
    "identity_failed",
    "failed",
]
"""What just happened, shown once on the next page. The last six are not successes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """A notice; `name` fills its words where they speak of a thing."""

    notice: Notice
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFrame:
    """What is around every section.

    Attributes:
        section: the one shown.
        urls: (section, URL) of those that this pool offers, in their order.
        sign_out_url: of the page that asks to sign out; a link with the id `sign-out`.
        closing_at: the account is going to be deleted then (seconds): a banner says so on every section.
        back: the app the person came from, and its URL.
    """

    account: Account
    section: Section
    urls: tuple[tuple[Section, str], ...]
    sign_out_url: str | None = None
    flash: Flash | None = None
    closing_at: int | None = None
    back_url: str | None = None
    back_name: str = ""

    def url(self, section: Section) -> str | None:
        """Where a section is; None if this pool does not offer it."""
        return dict(self.urls).get(section)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressView:
    """An email address or phone number. `pending` is the new one that waits to be proven."""

    value: str = ""
    verified: bool = False
    pending: str = ""
    editable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSection:
    """Forms `save_profile` (the fields by their names), and for `email` and `phone_number` in the field `address`:
    `change_address` (also enters the code of a pending one), `verify_address`, `cancel_change`.

    `fields`: the schema's, as this person may see and change them, `locale` among them as a select.
    """

    template: ClassVar[str] = "account/profile.html"

    frame: AccountFrame
    fields: tuple[FieldView, ...] = ()
    username: str = ""
    email: AddressView | None = None
    phone_number: AddressView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyLine:
    """`synced`: it is backed up and works on the person's other devices too. Times in seconds."""

    id: str
    name: str
    created_at: int
    last_used_at: int | None = None
    synced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorLine:
    """A TOTP app, or codes by message (`hint` is the masked target)."""

    kind: MethodKind
    id: str
    name: str = ""
    hint: str = ""
    created_at: int = 0
    last_used_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupLine:
    """Backup codes: how many are `left` of how many."""

    left: int
    total: int
    created_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedLine:
    """A browser that needs no second factor `until` then (seconds)."""

    id: str
    browser: Browser
    until: int
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySection:
    """Forms `change_password`, `add_passkey`, `rename_passkey` (`id`, `name`), `remove_factor` (`id`; leads to a
    question), `add_factor` (`method`), `new_backup_codes`, `forget_device` (`id`), `forget_devices`.

    Attributes:
        password_changed_at: None if the account has no password (`has_password` False) or the time is not known.
        passkeys: None where the pool offers none.
        factors: those turned on, besides passkeys and backup codes.
        addable: methods that may be added; one with `available` False is shown with its hint as the reason.
        backup: None where there are none yet or the pool offers none (then `addable` lacks them too).
        remembered: None where the pool remembers no devices.
        required: the pool demands a second factor.
        passkey_ids: for the browser, so that it offers no removed ones (WebAuthn Signal API): the relying party's id,
            the user handle (base64url) and the ids of all passkeys (base64url).
    """

    template: ClassVar[str] = "account/security.html"

    frame: AccountFrame
    has_password: bool = True
    password_changed_at: int | None = None
    can_change_password: bool = True
    passkeys: tuple[PasskeyLine, ...] | None = None
    factors: tuple[FactorLine, ...] = ()
    addable: tuple[Method, ...] = ()
    backup: BackupLine | None = None
    remembered: tuple[RememberedLine, ...] | None = None
    required: bool = False
    rp_id: str = ""
    user_handle: str = ""
    passkey_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLine:
    """An app that got tokens in a session. `id` comes back in the field `client`."""

    id: str
    client: ClientMark


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """A signed-in browser; times in seconds. `current` is the one that looks at this page."""

    id: str
    browser: Browser
    last_seen: int
    created_at: int = 0
    current: bool = False
    apps: tuple[AppLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsSection:
    """Forms `end_session` (`id`), `end_others`, `end_app` (`id` of the session, `client`). The current one first."""

    template: ClassVar[str] = "account/sessions.html"

    frame: AccountFrame
    sessions: tuple[SessionLine, ...]

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return tuple(app.client.logo_uri for session in self.sessions for app in session.apps)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentLine:
    """What a client may do. `id` comes back in the form; times in seconds."""

    id: str
    client: ClientMark
    groups: tuple[ScopeGroup, ...]
    first_at: int
    last_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppsSection:
    """Form `revoke` (`id`)."""

    template: ClassVar[str] = "account/apps.html"

    frame: AccountFrame
    consents: tuple[ConsentLine, ...] = ()

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return tuple(consent.client.logo_uri for consent in self.consents)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLine:
    """A login elsewhere that leads to this account. `name` is what it is called there. `removable` False: the last way
    in.
    """

    id: str
    provider: Provider
    name: str = ""
    linked_at: int = 0
    last_used_at: int | None = None
    removable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitiesSection:
    """Forms `unlink` (`id`; leads to a question) and `provider` (`provider`: link one more)."""

    template: ClassVar[str] = "account/identities.html"

    frame: AccountFrame
    identities: tuple[IdentityLine, ...] = ()
    providers: tuple[Provider, ...] = ()

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        linked = (identity.provider for identity in self.identities)
        return tuple(provider.logo_uri for provider in (*linked, *self.providers))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityLine:
    """One event. `kind` as in the audit trail; `detail` is what it was about (an app, a passkey's name).

    `reportable`: "this wasn't me" is offered.
    """

    id: str
    kind: str
    at: int
    browser: Browser | None = None
    detail: str = ""
    current: bool = False
    failed: bool = False
    reportable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySection:
    """Form `not_me` (`id`; leads to a question). Newest first."""

    template: ClassVar[str] = "account/activity.html"

    frame: AccountFrame
    lines: tuple[ActivityLine, ...] = ()
    newer_url: str | None = None
    older_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSection:
    """Forms `export` (answered with a file), `delete` (leads to a question), `keep` (takes a planned deletion back).

    `delete_days` None: people cannot delete their account here. The planned one is `frame.closing_at`.
    """

    template: ClassVar[str] = "account/data.html"

    frame: AccountFrame
    delete_days: int | None = 14
