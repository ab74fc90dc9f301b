"""The steps of a sign-in. Every form has the hidden field `step`, which names it, and `csrf`.

Steps that prove an account may say for what: `joining` is the provider whose login is linked to it then.

All steps that prove something may list `others`, the further methods: at most two are offered by name (form `method`
with the field `method`, a `MethodKind`), more by one button (form `choose_method`).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.parts import (
    Account,
    CodeFault,
    FieldView,
    Method,
    NewPassword,
    PasskeyState,
    Provider,
    Resend,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierStep:
    """Who are you? Fields `username`, `password` (collapsed, for password managers); forms `identifier`, `account`,
    `passkey` (field `credential`), `provider` (field `provider`).

    Attributes:
        sign_in_with: the pool's kinds of sign-in name; they choose label and keyboard.
        identifier: what the field holds already: what was typed, or `login_hint`.
        accounts: who may be continued as with one press.
        fault: "empty" if nothing was typed; "throttled" goes with `retry_after`; "passkey": the passkey that was used
            is not known here; "wrong_credentials": it begins anew, because the pool's own challenges were not passed;
            "not_found" only for pools that tell.
        retry_after: seconds until the next try.
        sign_up_url: where to create an account; None where sign-up is off.
        passkey_options: JSON of `PublicKeyCredentialRequestOptions` (WebAuthn 5.1.10) for any passkey of this pool; it
            turns on autofill and the passkey button. None where passkeys are no first factor.
        passkey_state: where the ceremony stands.
        providers: buttons below the form.
        local: whether the pool's own accounts are taken; without, there are only the buttons.
        trouble: what became of a sign-in at the provider `trouble_at` (a code of `texts.trouble`).
    """

    template: ClassVar[str] = "identifier.html"

    sign_in_with: tuple[str, ...] = ("username", "email")
    identifier: str = ""
    accounts: tuple[Account, ...] = ()
    fault: Literal["empty", "throttled", "passkey", "wrong_credentials", "not_found"] | None = None
    retry_after: int | None = None
    sign_up_url: str | None = None
    passkey_options: str | None = None
    passkey_state: PasskeyState = "ready"
    providers: tuple[Provider, ...] = ()
    local: bool = True
    trouble: str = ""
    trouble_at: str = ""

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return tuple(provider.logo_uri for provider in self.providers)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordStep:
    """Prove it. Field `password`; forms `password`, `change_identifier`, `method`, `choose_method`.

    Attributes:
        identifier: what was typed on the step before, known or not.
        fault: "wrong_credentials" has one sentence for every cause (ASVS 6.3.8); "closed": after too many failures the
            password is no longer taken, another method or recovery is needed.
        retry_after: seconds until the next try, with the fault "throttled".
        reauthentication: somebody is signed in already and must prove to be still there (`prompt=login`, `max_age`).
        forgot_password_url: None where recovery is off.
        others: further methods of this person, or of everybody where that would tell whether an account exists.
    """

    template: ClassVar[str] = "password.html"

    identifier: str
    fault: Literal["empty", "wrong_credentials", "throttled", "closed"] | None = None
    retry_after: int | None = None
    reauthentication: bool = False
    forgot_password_url: str | None = None
    others: tuple[Method, ...] = ()
    joining: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodStep:
    """How would you like to prove it? Form `method` with the field `method`; `change_identifier`.

    `second`: something was proven already. `fault`: "unavailable" if the method just chosen cannot be used now;
    "throttled" with `retry_after`.
    """

    template: ClassVar[str] = "method.html"

    methods: tuple[Method, ...]
    identifier: str = ""
    second: bool = False
    reauthentication: bool = False
    fault: Literal["unavailable", "throttled"] | None = None
    retry_after: int | None = None
    joining: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyStep:
    """Use a passkey. Form `passkey` with the field `credential` (JSON of WebAuthn's `AuthenticationResponseJSON`);
    `change_identifier`, `method`, `choose_method`. Button `continue`, which needs JavaScript; the page says so.

    Attributes:
        options: JSON of `PublicKeyCredentialRequestOptions`.
        begin: start at once, without a press; only straight after the person chose to use a passkey.
        second: as the second factor.
    """

    template: ClassVar[str] = "passkey.html"

    options: str
    state: PasskeyState = "ready"
    begin: bool = False
    identifier: str = ""
    second: bool = False
    reauthentication: bool = False
    others: tuple[Method, ...] = ()
    fault: Literal["throttled"] | None = None
    retry_after: int | None = None
    joining: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStep:
    """A one-time code. Fields `code`, `remember` (sends "true"); forms `code`, `resend`, `change_identifier`, `method`,
    `choose_method`.

    Attributes:
        method: "email_code" and "sms_code" were sent to `target`; "totp" is on the person's phone; "backup_codes".
        target: masked; "" says "your email" and the like, and is the same for accounts that do not exist.
        tries_left: with the fault "wrong", if it may be told.
        resend: None where the code is not sent by us, or may not be sent again.
        remember_days: offers to skip this step on this device for so long; None or 0 does not.
        remembered: the checkbox is ticked.
        digits: length of the code; backup codes have their own form.
    """

    template: ClassVar[str] = "code.html"

    method: Literal["email_code", "sms_code", "totp", "backup_codes"]
    target: str = ""
    identifier: str = ""
    second: bool = True
    fault: CodeFault | None = None
    tries_left: int | None = None
    retry_after: int | None = None
    resend: Resend | None = None
    remember_days: int | None = None
    remembered: bool = False
    others: tuple[Method, ...] = ()
    digits: int = 6
    joining: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPasswordStep:
    """The password must be set anew before the sign-in goes on. Field `new_password`; form `new_password`;
    `change_identifier`.

    `reason`: "temporary" (given by an administrator), "expired", "reset" (an administrator asks for it), "breached"
    (it was found in a data breach), "recovery" (a code was proven).
    """

    template: ClassVar[str] = "new_password.html"

    identifier: str
    reason: Literal["temporary", "expired", "reset", "breached", "recovery"]
    password: NewPassword


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmAddressStep:
    """A code was sent to an address that must be proven. Field `code`; forms `confirm`, `resend`, `change_address`
    (a button: the person wants to enter another address), `later` (with `skip`).

    Attributes:
        purpose: "sign_up" has the same words for new addresses and for those that have an account; "sign_in" is an
            account that was never confirmed; "change" is a new address in place of the old one; "enrol" turns on codes
            as a second factor.
        target: masked or whole, whatever the person may see.
        link: the message also holds a link.
        can_change: offers to enter another address.
        cancel_url: leads back, on pages of the account.
    """

    template: ClassVar[str] = "confirm_address.html"

    medium: Literal["email", "sms"]
    target: str
    purpose: Literal["sign_up", "sign_in", "change", "enrol"] = "sign_in"
    link: bool = False
    fault: CodeFault | None = None
    tries_left: int | None = None
    retry_after: int | None = None
    resend: Resend | None = None
    can_change: bool = False
    skip: bool = False
    cancel_url: str | None = None
    digits: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAddressStep:
    """Enter an address. Field `email` or `phone_number`, by `medium`; form `new_address`; `later` (with `skip`).

    `current`: the one that stays in use until the new one is proven. `purpose`: "correct" one that was mistyped at
    sign-up, "change" it, or "add" one.
    """

    template: ClassVar[str] = "change_address.html"

    medium: Literal["email", "sms"]
    purpose: Literal["correct", "change", "add"] = "correct"
    current: str = ""
    value: str = ""
    fault: Literal["empty", "invalid", "domain", "unchanged", "throttled"] | None = None
    retry_after: int | None = None
    skip: bool = False
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationStep:
    """An invitation to add a passkey, or a second factor. Form `invitation` with the field `decision`: "accept",
    "later" or "never".
    """

    template: ClassVar[str] = "invitation.html"

    kind: Literal["passkey", "factor"] = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteProfileStep:
    """The pool requires attributes that the account has no value for. Its fields by their names; form `profile`, with the
    id of the `account` that it is about.
    """

    template: ClassVar[str] = "complete_profile.html"

    fields: tuple[FieldView, ...]
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeStep:
    """A question of the pool's own (triggers define, create and verify challenge). Field `answer`; forms `challenge`,
    `change_identifier`, `method`, `choose_method`.

    Attributes:
        question: shown as it is; "" asks for the answer in our words.
        image_uri: an image to answer from, by the rules of logos.
        secret: hides what is typed.
        answer: what was typed, where the same question is shown once more; never that of a secret one.
        asked: False where there is no question yet, because the service that makes it did not answer, or is asked too
            often: there is a button to try again, and no field.
        fault: "unavailable": the service that judges the answer did not.
    """

    template: ClassVar[str] = "challenge.html"

    question: str = ""
    image_uri: str | None = None
    secret: bool = False
    answer: str = ""
    asked: bool = True
    identifier: str = ""
    fault: Literal["empty", "wrong", "throttled", "unavailable"] | None = None
    retry_after: int | None = None
    others: tuple[Method, ...] = ()

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return (self.image_uri,)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsStep:
    """The terms are new, or have changed. Form `terms` with the field `decision` ("accept" or "decline"), and the id of the
    `account` that is to agree.

    `changed`: others were agreed to before; `since`: when the new ones came, seconds.
    """

    template: ClassVar[str] = "terms.html"

    tos_uri: str | None = None
    policy_uri: str | None = None
    changed: bool = True
    since: int | None = None
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingStep:
    """The account is going to be deleted at `at` (seconds). Form `closing` with the field `decision`: "keep" takes the
    deletion back and goes on, "leave" ends the sign-in.
    """

    template: ClassVar[str] = "closing.html"

    account: Account
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedStep:
    """The sign-in was stopped: it looked unlike the owner ("risk"), or a pool's own trigger said no ("refused", with
    its `sentence`). `notified`: the owner has been told. No form; `restart_url`, `recover_url` lead on.
    """

    template: ClassVar[str] = "blocked.html"

    reason: Literal["risk", "refused"] = "risk"
    sentence: str = ""
    notified: bool = True
    restart_url: str | None = None
    recover_url: str | None = None
