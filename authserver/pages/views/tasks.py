"""Pages of the account that do one thing: they look like a step of a sign-in, with a way back (`cancel_url`)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.parts import Account, Method, NewPassword, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword:
    """Fields `password` (the current one; not asked for where there is none, or it was given a moment ago),
    `new_password`, `sign_out_others` (sends "true"); form `new_password`.
    """

    template: ClassVar[str] = "change_password.html"

    username: str
    password: NewPassword
    ask_current: bool = True
    has_password: bool = True
    sign_out_others: bool = True
    throttled: bool = False
    retry_after: int | None = None
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePasskey:
    """Field `name`; form `rename`. For links to it; the list itself has the form folded away."""

    template: ClassVar[str] = "rename_passkey.html"

    name: str
    fault: Literal["empty", "too_long"] | None = None
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFactor:
    """Really remove it? Form `remove`. `last`: it is the last second factor."""

    template: ClassVar[str] = "remove_factor.html"

    factor: Method
    last: bool = False
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceCodes:
    """Really make new backup codes? The `left` old ones end. Form `replace_codes`."""

    template: ClassVar[str] = "replace_codes.html"

    left: int
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    """Really unlink this login? Form `unlink`."""

    template: ClassVar[str] = "unlink.html"

    provider: Provider
    name: str = ""
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAccount:
    """Type the user name. Field `username`; form `delete_account`. `days` until it happens; 0 is at once."""

    template: ClassVar[str] = "delete_account.html"

    account: Account
    username: str
    days: int
    typed: str = ""
    fault: Literal["empty", "mismatch"] | None = None
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The account is gone; or, with `at`, it will be gone then, and waits for nobody but its owner until then."""

    template: ClassVar[str] = "deleted.html"

    at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reauthenticate:
    """Before something that matters: prove that it is still you. Form `reauthenticate` (button `continue`) leads to the
    sign-in, which comes back here. `reason` says what for.
    """

    template: ClassVar[str] = "reauthenticate.html"

    account: Account
    reason: Literal["password", "factor", "address", "delete", "export", "other"] = "other"
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed:
    """This pool has no account page."""

    template: ClassVar[str] = "account_closed.html"
