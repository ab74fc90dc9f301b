"""Every kind of event there is: what it says to people, how it ended, whether it is kept, and what its details mean.

The one source of the table in docs/audit.md, of the audit trail's allow-list (a detail that is not listed here is not
kept), and of the activity list on the account page. A kind that is emitted and not listed fails a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Outcome = Literal["success", "failure", "info"]
By = Literal["user", "client", "operator", "system", "anonymous"]


@dataclass(frozen=True, slots=True)
class EventKind:
    """One kind.

    Attributes:
        sentence: what happened, for people; the account page translates it.
        outcome: how it ended, unless the event itself says.
        audited: whether the audit trail keeps it. What happens thousands of times a second is not kept by default.
        activity: whether it stands in the activity list that the user sees.
        by: who did it, unless the event says: the user or client it names, an operator, the system, or somebody who has
            not been proven to be anybody.
        details: the names that `Event.details` may have, with their meanings. Never a secret.
    """

    sentence: str
    outcome: Outcome = "success"
    audited: bool = True
    activity: bool = False
    by: By = "user"
    details: Mapping[str, str] = field(default_factory=dict)


def gettext_noop(message: str) -> str:
    """Mark `message` for extraction without translating it here."""
    return message


_ = gettext_noop

_REASON = {"reason": "why, for operators"}
_PROVIDER = {"provider": "the identity provider's name"}
_SIGNALS = {"signals": "what was unusual"}
_TRIES = {"tries": "how many there were"}
_SCOPE = {"scope": "the scopes"}
_FACTOR = {"factor": "which factor", "credential": "its id"}
_CHANGES = {"changes": "what changed: names, never values"}
_MEDIUM = {"medium": "`email` or `sms`", "purpose": "what the code is for"}

EVENT_KINDS: Mapping[str, EventKind] = MappingProxyType(
    {
        # sign-in
        "sign_in.succeeded": EventKind(
            _("Signed in"),
            activity=True,
            details={"amr": "the methods proven (RFC 8176)", "acr": "the level reached"} | _SIGNALS,
        ),
        "sign_in.failed": EventKind(
            _("A sign-in failed"), "failure", activity=True, by="anonymous", details=_REASON | {"method": "the factor"}
        ),
        "sign_in.throttled": EventKind(
            _("Sign-ins were slowed down after too many attempts"),
            "failure",
            activity=True,
            by="anonymous",
            details=_TRIES,
        ),
        "sign_in.blocked": EventKind(
            _("An unusual sign-in was blocked"), "failure", activity=True, by="anonymous", details=_SIGNALS
        ),
        "user.objected": EventKind(_("A sign-in or change was reported as not yours"), "info", activity=True),
        "password.locked": EventKind(
            _("Signing in was closed after too many failures"),
            "failure",
            activity=True,
            by="anonymous",
            details=_TRIES,
        ),
        # sign-up
        "user.signed_up": EventKind(_("Signed up"), activity=True, details={"state": "of the new account"} | _PROVIDER),
        "user.confirmed": EventKind(_("The account was confirmed"), activity=True),
        "user.migrated": EventKind(_("The account was taken over from another system"), activity=True, by="system"),
        "user.not_migrated": EventKind(
            _("An account that another system has cannot be had here"),
            "failure",
            by="system",
            details={"username": "whose"} | _REASON,
        ),
        "sign_up.address_taken": EventKind(
            _("Somebody tried to sign up with your address"), "failure", activity=True, by="anonymous"
        ),
        # recovery and passwords
        "recovery.requested": EventKind(
            _("A new password was asked for"), "info", activity=True, by="anonymous", details=_MEDIUM
        ),
        "password.reset": EventKind(_("The forgotten password was replaced"), activity=True),
        "password.changed": EventKind(_("The password was changed"), activity=True),
        "password.set": EventKind(_("The password was set by an operator"), activity=True, by="operator"),
        # codes by message
        "code.sent": EventKind(_("A code was sent"), "info", by="anonymous", details=_MEDIUM),
        "code.withheld": EventKind(
            _("A code was asked for that nobody could get"), "info", by="anonymous", details=_MEDIUM
        ),
        "code.wrong": EventKind(_("A wrong code was entered"), "failure", by="anonymous", details=_MEDIUM | _TRIES),
        "code.throttled": EventKind(
            _("Too many codes were asked for"), "failure", by="anonymous", details=_MEDIUM | _TRIES
        ),
        # factors
        "factor.enrolled": EventKind(_("A way to verify was added"), activity=True, details=_FACTOR),
        "factor.removed": EventKind(_("A way to verify was removed"), activity=True, details=_FACTOR),
        "factor.renamed": EventKind(_("A way to verify was renamed"), activity=True, details=_FACTOR),
        "factor.succeeded": EventKind(_("A second step was passed"), details={"factor": "which factor"}),
        "factor.failed": EventKind(
            _("A second step failed"), "failure", activity=True, details=_REASON | {"factor": "which factor"}
        ),
        "factor.throttled": EventKind(
            _("Second steps were slowed down after too many attempts"),
            "failure",
            activity=True,
            details=_TRIES | {"factor": "which factor"},
        ),
        "passkey.suspicious": EventKind(
            _("A passkey may have been copied"), "failure", activity=True, details={"credential": "its id"}
        ),
        "backup_codes.replaced": EventKind(
            _("New backup codes were made"), activity=True, details={"count": "how many"}
        ),
        "backup_codes.removed": EventKind(_("The backup codes were removed"), activity=True),
        "backup_code.spent": EventKind(
            _("A backup code was used"), activity=True, details={"left": "how many are left"}
        ),
        # devices and sessions
        "device.remembered": EventKind(
            _("A device was remembered"), activity=True, details={"until": "when that ends, in seconds"}
        ),
        "device.forgotten": EventKind(
            _("A device was forgotten"), activity=True, details={"all": "whether it was all of them"}
        ),
        "session.ended": EventKind(_("Signed out"), activity=True, details=_PROVIDER),
        "assertion.issued": EventKind(_("Signed in to an app by SAML"), activity=True),
        "assertion.refused": EventKind(
            _("An app was told by SAML that nobody is signed in"),
            "failure",
            audited=False,
            by="anonymous",
            details={"status": "why"},
        ),
        "application.not_signed_out": EventKind(
            _("An app did not sign out"),
            details={"error": "the kind of failure", "reason": "what was wrong with its answer"},
        ),
        "session.client_ended": EventKind(_("An app was signed out"), activity=True),
        # the account
        "email.verified": EventKind(_("The email address was verified"), activity=True),
        "phone.verified": EventKind(_("The phone number was verified"), activity=True),
        "email.changed": EventKind(_("The email address was changed"), activity=True),
        "phone.changed": EventKind(_("The phone number was changed"), activity=True),
        "user.profile_changed": EventKind(
            _("The profile was changed"),
            activity=True,
            details={"attributes": "which: names, never values"} | _PROVIDER,
        ),
        "terms.accepted": EventKind(_("The terms were agreed to"), activity=True),
        "terms.declined": EventKind(_("The terms were not agreed to"), "failure", activity=True),
        "user.exported": EventKind(_("A copy of the account's data was made"), activity=True),
        "user.deletion_planned": EventKind(
            _("Deletion of the account was asked for"), activity=True, details={"at": "when it will be deleted"}
        ),
        "user.deletion_cancelled": EventKind(_("The account is kept after all"), activity=True),
        "user.deleted": EventKind(_("The account was deleted"), details=_REASON),
        # other providers
        "identity.linked": EventKind(_("A login of another provider was linked"), activity=True, details=_PROVIDER),
        "identity.unlinked": EventKind(_("A login of another provider was unlinked"), activity=True, details=_PROVIDER),
        "identity.not_linked": EventKind(
            _("A login of another provider leads to no account"),
            "failure",
            by="anonymous",
            details=_PROVIDER | _REASON,
        ),
        "identity.attributes_skipped": EventKind(
            _("Attributes of another provider were not taken"),
            "failure",
            by="system",
            details=_PROVIDER | {"skipped": "which, and why"},
        ),
        "provider.failed": EventKind(
            _("A sign-in at another provider failed"),
            "failure",
            by="anonymous",
            details=_PROVIDER | {"error": "its kind"} | _REASON,
        ),
        "provider.cancelled": EventKind(
            _("A sign-in at another provider was cancelled"),
            "info",
            by="anonymous",
            details=_PROVIDER | {"error": "its kind"} | _REASON,
        ),
        "provider.created": EventKind(_("An identity provider was added"), by="operator", details=_PROVIDER),
        "provider.changed": EventKind(
            _("An identity provider was changed"), by="operator", details=_PROVIDER | _CHANGES
        ),
        "provider.deleted": EventKind(_("An identity provider was removed"), by="operator", details=_PROVIDER),
        # consents
        "consent.given": EventKind(_("An app was given access"), activity=True, details=_SCOPE),
        "consent.denied": EventKind(_("An app was denied access"), "failure", activity=True),
        "consent.revoked": EventKind(
            _("An app's access was withdrawn"), activity=True, details={"grants": "how many ended"}
        ),
        # grants and tokens
        "grant.created": EventKind(_("An app got access"), details=_SCOPE),
        "grant.revoked": EventKind(_("An app's access ended"), activity=True, by="client", details=_REASON),
        "token.issued": EventKind(
            _("Tokens were issued"),
            audited=False,
            by="client",
            details={"grant_type": "RFC 6749 1.3", "scope": "theirs"},
        ),
        "token.revoked": EventKind(_("A token was revoked"), by="client"),
        "code.replayed": EventKind(_("An authorization code was used twice"), "failure", by="client"),
        "refresh_token.reused": EventKind(_("A spent refresh token was used"), "failure", by="client"),
        # users, by operators
        "user.created": EventKind(
            _("The account was created by an operator"), activity=True, by="operator", details={"state": "of it"}
        ),
        "user.invited": EventKind(
            _("An invitation was sent"), activity=True, by="operator", details={"medium": "`email` or `sms`"}
        ),
        "user.changed": EventKind(
            _("The account was changed by an operator"), activity=True, by="operator", details=_CHANGES
        ),
        "user.disabled": EventKind(_("The account was disabled"), activity=True, by="operator", details=_REASON),
        "user.enabled": EventKind(_("The account was enabled"), activity=True, by="operator"),
        "user.unlocked": EventKind(_("Signing in was opened again by an operator"), activity=True, by="operator"),
        "user.signed_out": EventKind(_("Signed out everywhere by an operator"), activity=True, by="operator"),
        "user.reset_required": EventKind(_("A new password was required"), activity=True, by="operator"),
        "user.groups_changed": EventKind(
            _("The groups of the account were changed"),
            by="operator",
            details={"added": "groups", "removed": "groups"},
        ),
        "users.imported": EventKind(
            _("Users were imported"), by="operator", details={"count": "how many", "refused": "how many were not"}
        ),
        "users.exported": EventKind(
            _("Users were exported"),
            by="operator",
            details={"count": "how many", "with_hashes": "whether their password hashes were among it"},
        ),
        # groups, clients, pools, keys
        "group.created": EventKind(_("A group was created"), by="operator", details={"group": "its name"}),
        "group.changed": EventKind(_("A group was changed"), by="operator", details={"group": "its name"}),
        "group.deleted": EventKind(_("A group was deleted"), by="operator", details={"group": "its name"}),
        "client.created": EventKind(_("A client was created"), by="operator"),
        "client.changed": EventKind(_("A client was changed"), by="operator", details=_CHANGES),
        "client.deleted": EventKind(_("A client was deleted"), by="operator"),
        "client.secret_changed": EventKind(_("A client's secret was changed"), by="operator"),
        "pool.created": EventKind(_("The pool was created"), by="operator"),
        "pool.changed": EventKind(_("The pool was changed"), by="operator", details=_CHANGES),
        "pool.schema_changed": EventKind(
            _("The attributes of the pool were changed, and its users with them"),
            by="operator",
            details={
                "added": "attributes that users were given a value of",
                "removed": "attributes that are gone with their values",
                "renamed": "attributes with another name, old and new",
                "converted": "attributes with another type",
                "users": "how many users changed",
                "dropped": "values that could not be converted, and are gone",
            },
        ),
        "saml_keys.changed": EventKind(
            _("The keys of SAML were changed"), by="operator", details=_PROVIDER | {"change": "`add`, `use` or `drop`"}
        ),
        "keys.rotated": EventKind(_("The signing keys were rotated"), by="operator", details={"alg": "which"}),
        # messages
        "message.sent": EventKind(
            _("A message was delivered"),
            audited=False,
            by="system",
            details={"medium": "`email` or `sms`", "message": "its kind", "tries": "how many it took"},
        ),
        "message.failed": EventKind(
            _("A message could not be delivered"),
            "failure",
            by="system",
            details={"medium": "`email` or `sms`", "message": "its kind", "tries": "how many there were"} | _REASON,
        ),
        # triggers
        "trigger.answered": EventKind(
            _("A trigger was called"),
            audited=False,
            by="system",
            details={"point": "which one", "call": "its id", "milliseconds": "how long it took"},
        ),
        "trigger.vetoed": EventKind(
            _("A trigger refused"),
            "failure",
            by="system",
            details={"point": "which one", "call": "its id", "milliseconds": "how long it took"},
        ),
        "trigger.failed": EventKind(
            _("A trigger failed"),
            "failure",
            by="system",
            details={"point": "which one", "call": "its id", "milliseconds": "how long it took"} | _REASON,
        ),
        # LDAP directories
        "ldap.answered": EventKind(
            _("A directory was asked for somebody"),
            audited=False,
            by="system",
            details={"outcome": "`found`, `unknown`, `refused` or `ambiguous`", "milliseconds": "how long it took"},
        ),
        "ldap.failed": EventKind(
            _("A directory did not answer"),
            "failure",
            by="system",
            details={"milliseconds": "how long it took"} | _REASON,
        ),
        # the trail itself
        "audit.pruned": EventKind(
            _("Old audit entries were deleted"),
            "info",
            by="system",
            details={"through": "the number of the last one", "hash": "of that one", "days": "that entries are kept"},
        ),
        "audit.restored": EventKind(
            _("Audit entries that had to wait were appended"),
            "info",
            by="system",
            details={"count": "how many", "since": "the time of the first, in milliseconds"},
        ),
    }
)
