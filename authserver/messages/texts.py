"""The words of every message in English, the source language, by key; and which placeholders a text may have.

A mail has a subject, a heading, an introduction, a label for its button and a closing note; a text message is one
line. The keys are what a pool may replace (`MessagePolicy.texts`); translations are in `locale`.
"""

import re
from collections.abc import Mapping

from authserver.messages.kinds import TRAITS, Kind
from authserver.model.pools import FactorKind

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}", re.ASCII)

COMMON = frozenset({"pool", "client"})
"""Placeholders of every text: the pool's name, and that of the client in whose sign-in it was asked for (the pool's
where there is none)."""

VITAL = frozenset({"code", "password", "link"})
"""Placeholders that a text of ours never has for decoration: whoever replaces it must keep them."""


def gettext_noop(message: str) -> str:
    """Mark `message` for extraction without translating it here."""
    return message


def placeholders(text: str) -> frozenset[str]:
    """The names in braces: "Your {pool} code" has one."""
    return frozenset(_PLACEHOLDER.findall(text))


TEXTS: Mapping[str, str] = {
    "confirm_sign_up.subject": gettext_noop("Confirm your {pool} account"),
    "confirm_sign_up.heading": gettext_noop("Confirm your email address"),
    "confirm_sign_up.intro": gettext_noop("Enter this code to finish creating your account."),
    "confirm_sign_up.action": gettext_noop("Confirm email address"),
    "confirm_sign_up.note": gettext_noop(
        "If you did not create an account, ignore this message. Nothing happens without the code."
    ),
    "confirm_sign_up.sms": gettext_noop("{code} is your {pool} confirmation code."),
    "recover_password.subject": gettext_noop("Reset your {pool} password"),
    "recover_password.heading": gettext_noop("Reset your password"),
    "recover_password.intro": gettext_noop(
        "Somebody asked to replace the password of the account {username}. Enter this code to choose a new one."
    ),
    "recover_password.action": gettext_noop("Choose a new password"),
    "recover_password.note": gettext_noop(
        "If this was not you, ignore this message: your password stays as it is. Never give the code to anybody."
    ),
    "recover_password.sms": gettext_noop("{code} resets your {pool} password. Never give it to anybody."),
    "sign_in_code.subject": gettext_noop("Your {pool} sign-in code"),
    "sign_in_code.heading": gettext_noop("Sign in to {client}"),
    "sign_in_code.intro": gettext_noop("Enter this code on the page that asked for it."),
    "sign_in_code.note": gettext_noop(
        "If you are not signing in right now, ignore this message. Never give the code to anybody."
    ),
    "sign_in_code.sms": gettext_noop("{code} is your {pool} sign-in code. Never give it to anybody."),
    "factor_code.subject": gettext_noop("Your {pool} verification code"),
    "factor_code.heading": gettext_noop("Confirm that it is you"),
    "factor_code.intro": gettext_noop("Enter this code to go on to {client}."),
    "factor_code.note": gettext_noop(
        "If you are not signing in right now, somebody else knows your password. Change it. "
        "Never give the code to anybody."
    ),
    "factor_code.sms": gettext_noop("{code} is your {pool} verification code. Never give it to anybody."),
    "change_email.subject": gettext_noop("Confirm your new email address for {pool}"),
    "change_email.heading": gettext_noop("Confirm your new email address"),
    "change_email.intro": gettext_noop("Enter this code to use this address for your account from now on."),
    "change_email.action": gettext_noop("Use this address"),
    "change_email.note": gettext_noop("If you did not ask for this, ignore this message. Nothing changes."),
    "change_phone_number.sms": gettext_noop("{code} confirms your new phone number for {pool}."),
    "verify_address.subject": gettext_noop("Verify your email address for {pool}"),
    "verify_address.heading": gettext_noop("Verify your email address"),
    "verify_address.intro": gettext_noop("Enter this code to show that this address is yours."),
    "verify_address.action": gettext_noop("Verify email address"),
    "verify_address.note": gettext_noop("If you did not ask for this, ignore this message. Nothing changes."),
    "verify_address.sms": gettext_noop("{code} verifies your phone number for {pool}."),
    "invitation.subject": gettext_noop("You are invited to {pool}"),
    "invitation.heading": gettext_noop("Welcome to {pool}"),
    "invitation.intro": gettext_noop(
        "An account has been made for you. Sign in with this username and temporary password; "
        "you will choose a password of your own."
    ),
    "invitation.action": gettext_noop("Sign in"),
    "invitation.note": gettext_noop("If you did not expect this, ignore this message."),
    "invitation.sms": gettext_noop("{pool}: sign in as {username} with the temporary password {password} at {link}"),
    "account_exists.subject": gettext_noop("You already have a {pool} account"),
    "account_exists.heading": gettext_noop("You already have an account"),
    "account_exists.intro": gettext_noop(
        "Somebody tried to create an account with this address, but it belongs to the account {username} already. "
        "You can sign in, or reset your password if you forgot it."
    ),
    "account_exists.action": gettext_noop("Sign in"),
    "account_exists.note": gettext_noop("If this was not you, ignore this message. Nothing has changed."),
    "account_exists.sms": gettext_noop("You already have a {pool} account with this number. Sign in: {link}"),
    "no_account.subject": gettext_noop("You have no {pool} account with this address"),
    "no_account.heading": gettext_noop("No account has this address"),
    "no_account.intro": gettext_noop(
        "Somebody asked to reset the password of an account with this address, but there is none. "
        "You may have signed up with another address."
    ),
    "no_account.action": gettext_noop("Create an account"),
    "no_account.note": gettext_noop("If this was not you, ignore this message."),
    "no_account.sms": gettext_noop("There is no {pool} account with this number."),
    "new_device.subject": gettext_noop("New sign-in to your {pool} account"),
    "new_device.heading": gettext_noop("Was this you?"),
    "new_device.intro": gettext_noop("Your account {username} was used in a browser that we had not seen before."),
    "new_device.action": gettext_noop("This was not me"),
    "new_device.note": gettext_noop("If this was you, there is nothing to do."),
    "new_device.sms": gettext_noop("New sign-in to your {pool} account: {device}. Not you? {link}"),
    "password_changed.subject": gettext_noop("Your {pool} password was changed"),
    "password_changed.heading": gettext_noop("Your password was changed"),
    "password_changed.intro": gettext_noop("The account {username} has a new password."),
    "password_changed.action": gettext_noop("This was not me"),
    "password_changed.note": gettext_noop("If this was not you, reset your password at once."),
    "password_changed.sms": gettext_noop("Your {pool} password was changed. If this was not you, reset it at once."),
    "email_changed.subject": gettext_noop("Your {pool} email address was changed"),
    "email_changed.heading": gettext_noop("Your email address was changed"),
    "email_changed.intro": gettext_noop("The account {username} now has the email address {address}."),
    "email_changed.action": gettext_noop("This was not me"),
    "email_changed.note": gettext_noop("If this was not you, sign in and change it back, or ask for help at once."),
    "email_changed.sms": gettext_noop(
        "The email address of your {pool} account was changed to {address}. If this was not you, act at once."
    ),
    "phone_number_changed.subject": gettext_noop("Your {pool} phone number was changed"),
    "phone_number_changed.heading": gettext_noop("Your phone number was changed"),
    "phone_number_changed.intro": gettext_noop("The account {username} now has the phone number {address}."),
    "phone_number_changed.action": gettext_noop("This was not me"),
    "phone_number_changed.note": gettext_noop(
        "If this was not you, sign in and change it back, or ask for help at once."
    ),
    "phone_number_changed.sms": gettext_noop(
        "The phone number of your {pool} account was changed to {address}. If this was not you, act at once."
    ),
    "factor_added.subject": gettext_noop("A way to sign in was added to your {pool} account"),
    "factor_added.heading": gettext_noop("A way to sign in was added"),
    "factor_added.intro": gettext_noop("The account {username} now has this way to prove that it is you: {factor}."),
    "factor_added.action": gettext_noop("This was not me"),
    "factor_added.note": gettext_noop("If this was not you, remove it and change your password at once."),
    "factor_added.sms": gettext_noop("Added to your {pool} account: {factor}. If this was not you, act at once."),
    "factor_removed.subject": gettext_noop("A way to sign in was removed from your {pool} account"),
    "factor_removed.heading": gettext_noop("A way to sign in was removed"),
    "factor_removed.intro": gettext_noop(
        "The account {username} no longer has this way to prove that it is you: {factor}."
    ),
    "factor_removed.action": gettext_noop("This was not me"),
    "factor_removed.note": gettext_noop("If this was not you, change your password at once."),
    "factor_removed.sms": gettext_noop("Removed from your {pool} account: {factor}. If this was not you, act at once."),
    "identity_linked.subject": gettext_noop("A login was linked to your {pool} account"),
    "identity_linked.heading": gettext_noop("A login was linked"),
    "identity_linked.intro": gettext_noop("The account {username} can now be signed in to with {provider}."),
    "identity_linked.action": gettext_noop("This was not me"),
    "identity_linked.note": gettext_noop("If this was not you, unlink it and change your password at once."),
    "identity_linked.sms": gettext_noop(
        "{provider} now signs in to your {pool} account. If this was not you, act at once."
    ),
    "deletion_planned.subject": gettext_noop("Your {pool} account will be deleted"),
    "deletion_planned.heading": gettext_noop("Your account will be deleted"),
    "deletion_planned.intro": gettext_noop(
        "The account {username} will be deleted on {date}, as you asked. Sign in before then if you want to keep it."
    ),
    "deletion_planned.action": gettext_noop("Keep my account"),
    "deletion_planned.note": gettext_noop("If this was not you, keep the account and change your password at once."),
    "deletion_planned.sms": gettext_noop("Your {pool} account will be deleted on {date}. To keep it: {link}"),
    "account_locked.subject": gettext_noop("Password sign-in to your {pool} account is closed"),
    "account_locked.heading": gettext_noop("Password sign-in is closed"),
    "account_locked.intro": gettext_noop(
        "There were too many wrong passwords in a row for the account {username}. "
        "To protect it, no password is taken until you choose a new one."
    ),
    "account_locked.action": gettext_noop("Choose a new password"),
    "account_locked.note": gettext_noop("Nobody got in. Browsers that signed you in before are not affected."),
    "account_locked.sms": gettext_noop(
        "Too many wrong passwords for your {pool} account. Reset your password to open it again."
    ),
    "reset_required.subject": gettext_noop("Choose a new password for your {pool} account"),
    "reset_required.heading": gettext_noop("A new password is needed"),
    "reset_required.intro": gettext_noop(
        "An administrator asks for a new password for the account {username}. You are signed out everywhere. "
        "A code to this address lets you choose one when you sign in."
    ),
    "reset_required.action": gettext_noop("Choose a new password"),
    "reset_required.note": gettext_noop("The old password opens nothing any more."),
    "reset_required.sms": gettext_noop(
        "An administrator asks for a new password for your {pool} account. Sign in to choose one: {link}"
    ),
    "mail.code": gettext_noop("Your code"),
    "mail.life": gettext_noop("It works once, within {time}."),
    "mail.link": gettext_noop("Or open this link:"),
    "mail.password_life": gettext_noop("It works for {time}."),
    "mail.sent_to": gettext_noop("Sent to {to} by {pool}."),
    "mail.no_reply": gettext_noop("Nobody reads answers to this message."),
    "mail.username": gettext_noop("Username"),
    "mail.password": gettext_noop("Temporary password"),
    "mail.device": gettext_noop("Device"),
    "mail.unknown_device": gettext_noop("unknown browser"),
    "mail.place": gettext_noop("Place"),
    "mail.network": gettext_noop("IP address"),
    "mail.when": gettext_noop("Time"),
}
"""Every text by its key: `<kind>.<part>`, and `mail.<part>` for what all mails share."""

FACTORS: Mapping[FactorKind, str] = {
    "totp": gettext_noop("authenticator app"),
    "passkey": gettext_noop("passkey"),
    "email_code": gettext_noop("code by email"),
    "sms_code": gettext_noop("code by text message"),
    "backup_codes": gettext_noop("backup codes"),
}

_SHARED: Mapping[str, frozenset[str]] = {
    "mail.life": frozenset({"time"}),
    "mail.password_life": frozenset({"time"}),
    "mail.sent_to": frozenset({"to"}),
}
"""Further placeholders of the texts that belong to no kind."""


def required_placeholders(key: str) -> frozenset[str]:
    """What a text in place of ours must name. Raises KeyError for a key that there is not."""
    return placeholders(TEXTS[key]) & VITAL


def allowed_placeholders(key: str) -> frozenset[str]:
    """What a text in place of ours may name. Raises KeyError for a key that there is not.

    A subject never holds a code or a password: mail servers keep subjects in their logs.
    """
    required = required_placeholders(key)
    group, _, part = key.partition(".")
    if group == "mail":
        return required | COMMON | _SHARED.get(key, frozenset())
    values = TRAITS[Kind(group)].values
    return required | COMMON | (values if part == "sms" else values - VITAL)
