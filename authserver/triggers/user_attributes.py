"""Users as Cognito's events show them, and users that another system vouched for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from authserver.errors import TriggerFailed
from authserver.model.users import User, UserState
from authserver.triggers.answers import Migration

_STATUS: Mapping[UserState, str] = {
    "confirmed": "CONFIRMED",
    "unconfirmed": "UNCONFIRMED",
    "reset_required": "RESET_REQUIRED",
    "must_change": "FORCE_CHANGE_PASSWORD",
    "disabled": "CONFIRMED",  # Cognito keeps `enabled` apart, and shows it to no trigger
    "external": "EXTERNAL_PROVIDER",
}


def attributes_of(user: User) -> dict[str, str]:
    """The user's attributes as Cognito sends them: all of them texts, `sub` and `cognito:user_status` among them."""
    attributes = {"sub": user.id, "cognito:user_status": _STATUS[user.state]}
    attributes |= {name: _text(value) for name, value in user.attributes.items() if value is not None}
    if user.email is not None:
        attributes |= {"email": user.email, "email_verified": _text(user.email_verified)}
    if user.phone_number is not None:
        attributes |= {"phone_number": user.phone_number, "phone_number_verified": _text(user.phone_number_verified)}
    return attributes


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class MigratedUser:
    """A user that another system vouched for; not yet checked by the pool's rules, like any new user.

    `password` is the one that was given, if the other system found it right; without it a new one has to be chosen, which
    is what `state` then says. `groups` are the pool's. `alias_from_others`: a verified address may be taken from whoever has it here.
    """

    username: str
    state: UserState
    password: str | None = field(default=None, repr=False)
    email: str | None = None
    email_verified: bool = False
    phone_number: str | None = None
    phone_number_verified: bool = False
    attributes: Mapping[str, object] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    welcome: tuple[str, ...] = ()
    alias_from_others: bool = False
    sms_mfa: bool = False


_MANAGED = frozenset({"sub", "username", "email", "email_verified", "phone_number", "phone_number_verified"})


def apply_user_migration(migration: Migration, typed: str, password: str | None) -> MigratedUser | None:
    """The user to create; None if the other system has no such user.

    Args:
        typed: the name that the person signs in with. It becomes the username unless the answer has one.
        password: what the person gave, None where it was forgotten.
    """
    given = migration.attributes
    if given is None:
        return None
    confirmed = migration.final_status != "RESET_REQUIRED" and password is not None
    return MigratedUser(
        username=given.get("username") or typed,
        state="confirmed" if confirmed else "reset_required",
        password=password if confirmed else None,
        email=given.get("email") or None,
        email_verified=_said(given, "email_verified"),
        phone_number=given.get("phone_number") or None,
        phone_number_verified=_said(given, "phone_number_verified"),
        attributes={
            name: value for name, value in given.items() if name not in _MANAGED and not name.startswith("cognito:")
        },
        welcome=() if migration.message_action == "SUPPRESS" else migration.delivery_mediums or ("SMS",),
        alias_from_others=migration.force_alias_creation,
        sms_mfa=migration.enable_sms_mfa,
    )


def _said(attributes: Mapping[str, str], name: str) -> bool:
    """A truth value of Cognito's attributes, which are all texts. Raises TriggerFailed if it is none."""
    value = attributes.get(name, "false").lower()
    if value not in {"true", "false"}:
        raise TriggerFailed(detail=f"`{name}` in the attributes is neither true nor false")
    return value == "true"
