"""The account page's words by code: sections, notices, and what happened."""

from collections.abc import Mapping
from typing import NamedTuple

from authserver.pages.texts.mark import gettext_noop

JUST_NOW = gettext_noop("just now")
"""What is said of the last minute."""


class SectionWords(NamedTuple):
    """A section's name, and its icon."""

    name: str
    icon: str


SECTIONS: Mapping[str, SectionWords] = {
    "profile": SectionWords(gettext_noop("Profile"), "person"),
    "security": SectionWords(gettext_noop("Sign-in and security"), "lock"),
    "sessions": SectionWords(gettext_noop("Devices"), "desktop"),
    "apps": SectionWords(gettext_noop("Apps with access"), "apps"),
    "identities": SectionWords(gettext_noop("Linked logins"), "link"),
    "activity": SectionWords(gettext_noop("Activity"), "activity"),
    "data": SectionWords(gettext_noop("Your data"), "data"),
}
"""By `Section`."""


class NoticeWords(NamedTuple):
    """What just happened; `named` is said where the thing has a name, which fills `{name}`."""

    sentence: str
    named: str | None = None


NOTICES: Mapping[str, NoticeWords] = {
    "profile_saved": NoticeWords(gettext_noop("Your profile is saved.")),
    "address_changed": NoticeWords(gettext_noop("The new one is now in use."), gettext_noop("{name} is now in use.")),
    "address_verified": NoticeWords(gettext_noop("It is confirmed. Thank you."), gettext_noop("{name} is confirmed.")),
    "change_cancelled": NoticeWords(gettext_noop("Nothing was changed: the old one stays in use.")),
    "code_sent": NoticeWords(gettext_noop("We sent you a code."), gettext_noop("We sent a code to {name}.")),
    "password_changed": NoticeWords(gettext_noop("Your password is changed.")),
    "password_set": NoticeWords(gettext_noop("You can now sign in with a password too.")),
    "passkey_added": NoticeWords(gettext_noop("Your passkey is ready."), gettext_noop("Your passkey is ready: {name}")),
    "passkey_renamed": NoticeWords(
        gettext_noop("The passkey has its new name."), gettext_noop("The passkey is now called {name}.")
    ),
    "passkey_removed": NoticeWords(
        gettext_noop("The passkey was removed."), gettext_noop("The passkey was removed: {name}")
    ),
    "factor_added": NoticeWords(gettext_noop("Your second step is turned on."), gettext_noop("Turned on: {name}")),
    "factor_removed": NoticeWords(gettext_noop("It is turned off."), gettext_noop("Turned off: {name}")),
    "codes_replaced": NoticeWords(gettext_noop("Your new backup codes are ready. The old ones no longer work.")),
    "device_forgotten": NoticeWords(
        gettext_noop("The device will be asked for a second step again."),
        gettext_noop("This device will be asked for a second step again: {name}"),
    ),
    "devices_forgotten": NoticeWords(gettext_noop("All devices will be asked for a second step again.")),
    "session_ended": NoticeWords(gettext_noop("The device is signed out."), gettext_noop("Signed out: {name}")),
    "sessions_ended": NoticeWords(gettext_noop("You are signed out everywhere else.")),
    "app_signed_out": NoticeWords(
        gettext_noop("You are signed out of the app."), gettext_noop("You are signed out of {name}.")
    ),
    "consent_revoked": NoticeWords(
        gettext_noop("The app no longer has access to your account."),
        gettext_noop("{name} no longer has access to your account."),
    ),
    "identity_linked": NoticeWords(
        gettext_noop("You can now sign in with it."), gettext_noop("You can now sign in with {name}.")
    ),
    "identity_unlinked": NoticeWords(
        gettext_noop("You no longer sign in with it."), gettext_noop("You no longer sign in with {name}.")
    ),
    "reported": NoticeWords(gettext_noop("Thank you. You are signed out everywhere else, and we took a note of it.")),
    "deletion_planned": NoticeWords(gettext_noop("Your account will be deleted. You can change your mind until then.")),
    "deletion_cancelled": NoticeWords(gettext_noop("Good to have you back: your account stays.")),
    "nothing_changed": NoticeWords(gettext_noop("Nothing was changed.")),
    "last_factor": NoticeWords(gettext_noop("A second step is required here, so the last one cannot be removed.")),
    "last_way_in": NoticeWords(gettext_noop("This is your only way to sign in, so it cannot be removed.")),
    "identity_taken": NoticeWords(gettext_noop("That login belongs to another account here.")),
    "identity_failed": NoticeWords(gettext_noop("That login was not linked. Try again, or choose another one.")),
    "failed": NoticeWords(gettext_noop("That did not work. Try again.")),
}
"""By `Notice`."""

BAD_NOTICES = frozenset({"last_factor", "last_way_in", "identity_taken", "identity_failed", "failed"})
PLAIN_NOTICES = frozenset({"nothing_changed", "change_cancelled", "code_sent", "deletion_planned"})


class EventWords(NamedTuple):
    """What happened, in words, and an icon."""

    sentence: str
    icon: str


_OTHER = EventWords(gettext_noop("Something in your account changed"), "activity")

_EVENTS: Mapping[str, EventWords] = {
    "sign_in.succeeded": EventWords(gettext_noop("Signed in"), "person"),
    "sign_in.failed": EventWords(gettext_noop("Sign-in failed"), "alert"),
    "sign_in.throttled": EventWords(gettext_noop("Sign-in slowed down after many tries"), "clock"),
    "sign_in.blocked": EventWords(gettext_noop("Unusual sign-in stopped"), "shield"),
    "session.ended": EventWords(gettext_noop("Signed out"), "leave"),
    "assertion.issued": EventWords(gettext_noop("Signed in to an app"), "person"),
    "session.client_ended": EventWords(gettext_noop("Signed out of an app"), "leave"),
    "user.objected": EventWords(gettext_noop("Reported as not you"), "shield"),
    "password.locked": EventWords(gettext_noop("Password sign-in paused after many tries"), "lock"),
    "user.signed_up": EventWords(gettext_noop("Account created"), "person"),
    "user.created": EventWords(gettext_noop("Account created by an administrator"), "person"),
    "user.invited": EventWords(gettext_noop("Invitation sent"), "mail"),
    "user.confirmed": EventWords(gettext_noop("Account confirmed"), "check"),
    "user.migrated": EventWords(gettext_noop("Account moved here from another system"), "person"),
    "user.profile_changed": EventWords(gettext_noop("Profile changed"), "person"),
    "user.changed": EventWords(gettext_noop("Account changed by an administrator"), "person"),
    "user.disabled": EventWords(gettext_noop("Account closed by an administrator"), "lock"),
    "user.enabled": EventWords(gettext_noop("Account opened by an administrator"), "check"),
    "user.unlocked": EventWords(gettext_noop("Sign-in opened again by an administrator"), "check"),
    "user.signed_out": EventWords(gettext_noop("Signed out everywhere by an administrator"), "leave"),
    "user.reset_required": EventWords(gettext_noop("New password required by an administrator"), "password"),
    "terms.accepted": EventWords(gettext_noop("Agreed to the terms"), "check"),
    "terms.declined": EventWords(gettext_noop("Did not agree to the terms"), "list"),
    "user.exported": EventWords(gettext_noop("Data downloaded"), "download"),
    "user.deletion_planned": EventWords(gettext_noop("Deletion asked for"), "trash"),
    "user.deletion_cancelled": EventWords(gettext_noop("Deletion taken back"), "check"),
    "sign_up.address_taken": EventWords(gettext_noop("Somebody tried to sign up with your address"), "alert"),
    "recovery.requested": EventWords(gettext_noop("New password asked for"), "password"),
    "password.changed": EventWords(gettext_noop("Password changed"), "password"),
    "password.reset": EventWords(gettext_noop("Forgotten password replaced"), "password"),
    "password.set": EventWords(gettext_noop("Password set by an administrator"), "password"),
    "email.changed": EventWords(gettext_noop("Email changed"), "mail"),
    "email.verified": EventWords(gettext_noop("Email confirmed"), "mail"),
    "phone.changed": EventWords(gettext_noop("Phone number changed"), "phone"),
    "phone.verified": EventWords(gettext_noop("Phone number confirmed"), "phone"),
    "factor.enrolled": EventWords(gettext_noop("Way to sign in added"), "shield"),
    "factor.removed": EventWords(gettext_noop("Way to sign in removed"), "shield"),
    "factor.renamed": EventWords(gettext_noop("Way to sign in renamed"), "shield"),
    "factor.failed": EventWords(gettext_noop("Second step failed"), "alert"),
    "factor.throttled": EventWords(gettext_noop("Second step slowed down after many tries"), "clock"),
    "passkey.suspicious": EventWords(gettext_noop("A passkey may have been copied"), "alert"),
    "backup_codes.replaced": EventWords(gettext_noop("New backup codes made"), "list"),
    "backup_codes.removed": EventWords(gettext_noop("Backup codes removed"), "list"),
    "backup_code.spent": EventWords(gettext_noop("Backup code used"), "list"),
    "device.remembered": EventWords(gettext_noop("Device remembered"), "desktop"),
    "device.forgotten": EventWords(gettext_noop("Device forgotten"), "desktop"),
    "consent.given": EventWords(gettext_noop("Access given to an app"), "apps"),
    "consent.denied": EventWords(gettext_noop("Access refused to an app"), "apps"),
    "consent.revoked": EventWords(gettext_noop("Access taken from an app"), "apps"),
    "grant.revoked": EventWords(gettext_noop("Access of an app ended"), "apps"),
    "identity.linked": EventWords(gettext_noop("Login linked"), "link"),
    "identity.unlinked": EventWords(gettext_noop("Login unlinked"), "link"),
}

EVENT_WORDS = tuple(_EVENTS)
"""The kinds with words of their own."""


def event_words(kind: str) -> EventWords:
    """The words for an event's kind; a kind without words of its own is told in general ones."""
    return _EVENTS.get(kind, _OTHER)
