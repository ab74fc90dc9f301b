"""Which texts a pool or a client may replace, and where it may write its own.

Keys are an API: a branding that was valid once stays so. Keys are added, never renamed or taken away, and a text never
loses a placeholder (tests/pages/test_pages_contract.py).
"""

from collections.abc import Mapping

from authserver.pages.texts.mark import gettext_noop

REPLACEABLE: Mapping[str, str] = {
    "sign_in.heading": gettext_noop("Sign in to {name}"),
    "sign_in.intro": gettext_noop("Use your {pool} account."),
    "sign_in.continue": gettext_noop("Continue"),
    "sign_in.sign_up": gettext_noop("Create an account"),
    "sign_in.passkey": gettext_noop("Sign in with a passkey"),
    "password.heading": gettext_noop("Enter your password"),
    "password.forgot": gettext_noop("Forgot your password?"),
    "reauthentication.heading": gettext_noop("Confirm it\u2019s you"),
    "reauthentication.intro": gettext_noop("For your security, enter your password again."),
    "code.email_heading": gettext_noop("Check your email"),
    "code.sms_heading": gettext_noop("Check your phone"),
    "code.totp_heading": gettext_noop("Enter the code from your app"),
    "code.backup_heading": gettext_noop("Enter a backup code"),
    "new_password.heading": gettext_noop("Choose a new password"),
    "sign_up.heading": gettext_noop("Create your account"),
    "sign_up.intro": gettext_noop("One account for everything at {pool}."),
    "sign_up.submit": gettext_noop("Create account"),
    "sign_up.terms": gettext_noop("I agree to the {terms} and have read the {policy}."),
    "sign_up.terms_only": gettext_noop("I agree to the {terms}."),
    "sign_up.policy_only": gettext_noop("I have read the {policy}."),
    "sign_up.done_heading": gettext_noop("Welcome to {pool}"),
    "sign_up.closed": gettext_noop("New accounts are made by an administrator."),
    "sign_up.invitation": gettext_noop("You need an invitation to create an account."),
    "recover.heading": gettext_noop("Reset your password"),
    "recover.intro": gettext_noop("Tell us who you are, and we will send you a code."),
    "recover.closed": gettext_noop("Ask an administrator to reset your password."),
    "invitation.heading": gettext_noop("Sign in faster next time"),
    "enrol.heading": gettext_noop("Protect your account"),
    "terms.heading": gettext_noop("Our terms have changed"),
    "consent.heading": gettext_noop("{client} would like access to your account"),
    "consent.approve": gettext_noop("Allow"),
    "consent.deny": gettext_noop("Don\u2019t allow"),
    "device.heading": gettext_noop("Connect a device"),
    "account.heading": gettext_noop("Your account"),
    "sign_out.heading": gettext_noop("Sign out of {pool}?"),
    "signed_out.heading": gettext_noop("You are signed out"),
}
"""The key of each text that may be replaced (`Branding.texts`), and the text it stands for."""

SLOTS = frozenset(
    {
        "sign_in.note",
        "password.note",
        "code.note",
        "new_password.note",
        "sign_up.note",
        "sign_up.done_note",
        "recover.note",
        "enrol.note",
        "consent.note",
        "blocked.note",
        "error.note",
        "account.note",
        "signed_out.note",
        "footer.note",
    }
)
"""Keys of places that are empty until somebody writes something there."""
