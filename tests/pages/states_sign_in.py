"""The further steps of a sign-in, and setting up factors, in every state."""

import segno
from markupsafe import Markup

from authserver.pages.views import (
    BackupCodes,
    BlockedStep,
    ChallengeStep,
    ChangeAddressStep,
    ClosingStep,
    CodeStep,
    CompleteProfileStep,
    ConfirmAddressStep,
    EnrolChoice,
    EnrolPasskey,
    EnrolTotp,
    FieldView,
    InvitationStep,
    Method,
    MethodStep,
    NewPassword,
    NewPasswordStep,
    PasskeyStep,
    PasswordRules,
    Resend,
    Strength,
    TermsStep,
)
from tests.pages.samples import (
    ADA,
    BRANDED,
    CREATION_OPTIONS,
    DAY,
    HOSTILE,
    LONG,
    NOW,
    OTPAUTH,
    REQUEST_OPTIONS,
    RESTART,
    SECRET,
    SHOP,
    WORKER,
    State,
)

QR = Markup(segno.make(OTPAUTH, micro=False).svg_inline(border=0, omitsize=True))  # noqa: S704 - drawn here
MAIL, PHONE = "a•••@example.com", "•••• 5678"
BY_MAIL, BY_SMS = Method(kind="email_code", hint=MAIL), Method(kind="sms_code", hint=PHONE)
TOTP, PASSKEY, BACKUP = Method(kind="totp"), Method(kind="passkey"), Method(kind="backup_codes")
PASSWORD = Method(kind="password")
CODES = tuple(f"{a}{b}xk-{b}q{a}m7" for a, b in zip("bcdfghjkmn", "3478923467", strict=True))
STRICT = PasswordRules(min_length=12, lowercase=True, uppercase=True, numbers=True, symbols=True)


def passkey(state, **more) -> State:
    return PasskeyStep(options=REQUEST_OPTIONS, state=state, **more), {}


SIGN_IN: dict[str, State] = {
    "method": (MethodStep(methods=(PASSKEY, PASSWORD, BY_MAIL, BY_SMS), identifier="ada"), {}),
    "method-second": (MethodStep(methods=(PASSKEY, TOTP, BY_SMS, BACKUP), identifier="ada", second=True), {}),
    "method-unavailable": (MethodStep(methods=(TOTP, BACKUP), second=True, fault="unavailable"), {"branding": BRANDED}),
    "method-throttled": (MethodStep(methods=(TOTP, BACKUP), second=True, fault="throttled", retry_after=300), {}),
    "passkey": passkey("ready", identifier="ada", others=(PASSWORD, BY_MAIL)),
    "passkey-waiting": passkey("waiting", identifier="ada", others=(PASSWORD,)),
    "passkey-cancelled": passkey("cancelled", identifier="ada", others=(PASSWORD,)),
    "passkey-none": passkey("none", second=True, others=(TOTP, BACKUP)),
    "passkey-failed": passkey("failed", second=True),
    "passkey-unsupported": passkey("unsupported", identifier="ada", others=(PASSWORD, BY_MAIL, BY_SMS)),
    "passkey-throttled": passkey("ready", fault="throttled", retry_after=30, reauthentication=True),
    "code-email": (
        CodeStep(method="email_code", target=MAIL, identifier="ada", second=False, resend=Resend(after=30)),
        {},
    ),
    "code-email-unnamed": (CodeStep(method="email_code", second=False, resend=Resend()), {}),
    "code-sms": (
        CodeStep(
            method="sms_code",
            target=PHONE,
            identifier="ada",
            remember_days=30,
            resend=Resend(done=True),
            others=(TOTP, BACKUP),
        ),
        {"client": SHOP},
    ),
    "code-totp": (CodeStep(method="totp", identifier="ada", remember_days=30, others=(PASSKEY, BACKUP)), {}),
    "code-backup": (CodeStep(method="backup_codes", identifier="ada", others=(TOTP,)), {}),
    "code-empty": (CodeStep(method="totp", fault="empty"), {}),
    "code-wrong": (
        CodeStep(
            method="email_code",
            target=MAIL,
            identifier="ada",
            fault="wrong",
            tries_left=2,
            resend=Resend(),
            remember_days=14,
            remembered=True,
            others=(TOTP, BACKUP, BY_SMS),
        ),
        {},
    ),
    "code-wrong-last": (CodeStep(method="sms_code", target=PHONE, fault="wrong", tries_left=1), {}),
    "code-expired": (CodeStep(method="email_code", target=MAIL, fault="expired", resend=Resend()), {}),
    "code-used": (CodeStep(method="backup_codes", fault="used", others=(TOTP,)), {}),
    "code-used-totp": (CodeStep(method="totp", fault="used"), {}),
    "code-too-many": (CodeStep(method="sms_code", target=PHONE, fault="too_many", resend=Resend(after=95)), {}),
    "code-throttled": (CodeStep(method="totp", identifier="ada", fault="throttled", retry_after=240), {}),
    "code-hostile": (
        CodeStep(method="email_code", target=HOSTILE, identifier=HOSTILE, others=(Method(kind="totp", hint=HOSTILE),)),
        {},
    ),
    "new-password-temporary": (
        NewPasswordStep(identifier="ada", reason="temporary", password=NewPassword()),
        {},
    ),
    "new-password-strict": (
        NewPasswordStep(identifier="ada", reason="expired", password=NewPassword(rules=STRICT, fault="missing")),
        {},
    ),
    "new-password-breached": (
        NewPasswordStep(
            identifier="ada",
            reason="reset",
            password=NewPassword(fault="breached", strength=Strength(score=1, advice=("common",))),
        ),
        {},
    ),
    "new-password-weak": (
        NewPasswordStep(
            identifier="ada",
            reason="recovery",
            password=NewPassword(
                fault="weak",
                strength=Strength(
                    score=0,
                    advice=("sequence", "more", "trick"),
                ),
            ),
        ),
        {},
    ),
    "new-password-own": (
        NewPasswordStep(
            identifier="ada", reason="recovery", password=NewPassword(fault="own", strength=Strength(score=3))
        ),
        {},
    ),
    "new-password-reused": (
        NewPasswordStep(
            identifier=WORKER,
            reason="breached",
            password=NewPassword(fault="reused", strength=Strength(score=4)),
        ),
        {},
    ),
    "confirm-email": (
        ConfirmAddressStep(
            medium="email",
            target="ada@example.com",
            purpose="sign_up",
            link=True,
            resend=Resend(after=30),
            can_change=True,
        ),
        {},
    ),
    "confirm-sms": (
        ConfirmAddressStep(medium="sms", target="+82 10 1234 5678", resend=Resend(), fault="wrong", tries_left=4),
        {},
    ),
    "confirm-change": (
        ConfirmAddressStep(
            medium="email",
            target="ada@new.example",
            purpose="change",
            resend=Resend(done=True, after=60),
            cancel_url="/account",
        ),
        {"client": None},
    ),
    "confirm-enrol": (
        ConfirmAddressStep(
            medium="sms", target=PHONE, purpose="enrol", skip=True, can_change=True, fault="throttled", retry_after=50
        ),
        {},
    ),
    "address-correct": (ChangeAddressStep(medium="email", value="ada@example.con"), {}),
    "address-change": (
        ChangeAddressStep(
            medium="email",
            purpose="change",
            current="ada@example.com",
            fault="unchanged",
            value="ada@example.com",
            cancel_url="/account",
        ),
        {"client": None},
    ),
    "address-add-phone": (ChangeAddressStep(medium="sms", purpose="add", skip=True), {}),
    "address-phone-wrong": (
        ChangeAddressStep(
            medium="sms",
            purpose="change",
            current="+82 10 1234 5678",
            value="010-1234",
            fault="invalid",
            cancel_url="/account",
        ),
        {"client": None},
    ),
    "address-throttled": (ChangeAddressStep(medium="email", purpose="add", fault="throttled", retry_after=600), {}),
    "invitation-passkey": (InvitationStep(), {}),
    "invitation-factor": (InvitationStep(kind="factor"), {}),
    "complete-profile": (
        CompleteProfileStep(
            fields=(
                FieldView(name="given_name", required=True, value="Ada"),
                FieldView(name="phone_number", kind="tel", required=True, fault="invalid", value="12"),
                FieldView(name="birthdate", kind="date"),
                FieldView(
                    name="custom:department",
                    label="Department",
                    kind="select",
                    required=True,
                    options=(("", ""), ("eng", "Engineering"), ("ops", "Operations")),
                ),
            )
        ),
        {},
    ),
    "challenge": (ChallengeStep(question="What is the name of the ship on your badge?", identifier="ada"), {}),
    "challenge-picture": (
        ChallengeStep(image_uri=SHOP.logo_uri, fault="wrong", secret=True),
        {},
    ),
    "challenge-throttled": (ChallengeStep(question=LONG, fault="throttled", retry_after=5), {}),
    "challenge-empty": (
        ChallengeStep(question="What is 2 and 2?", fault="empty", others=(PASSWORD, Method(kind="custom"))),
        {"branding": BRANDED},
    ),
    "challenge-unavailable": (ChallengeStep(question="What is 2 and 2?", fault="unavailable", identifier="ada"), {}),
    "challenge-none": (ChallengeStep(asked=False, fault="unavailable", others=(PASSWORD, PASSKEY, BY_MAIL)), {}),
    "terms": (
        TermsStep(tos_uri="https://demo.example/terms", policy_uri="https://demo.example/privacy", since=NOW - 3 * DAY),
        {},
    ),
    "terms-first": (TermsStep(tos_uri="https://demo.example/terms", changed=False), {}),
    "closing": (ClosingStep(account=ADA, at=NOW + 9 * DAY), {}),
    "blocked": (BlockedStep(restart_url=RESTART, recover_url="/forgotPassword"), {}),
    "blocked-refused": (
        BlockedStep(reason="refused", sentence="The shop is for staff only on Sundays.", notified=False),
        {},
    ),
    "enrol-choice": (
        EnrolChoice(methods=(PASSKEY, TOTP, BY_MAIL, BY_SMS), required=True),
        {},
    ),
    "enrol-choice-skip": (EnrolChoice(methods=(PASSKEY, Method(kind="totp")), skip=True), {"branding": BRANDED}),
    "enrol-totp": (EnrolTotp(qr=QR, secret=SECRET, uri=OTPAUTH, others=True), {}),
    "enrol-totp-wrong": (
        EnrolTotp(qr=QR, secret=SECRET, name="Old phone", fault="wrong", skip=True),
        {},
    ),
    "enrol-totp-account": (
        EnrolTotp(qr=QR, secret=SECRET, fault="throttled", retry_after=15, cancel_url="/account"),
        {"client": None},
    ),
    "enrol-passkey": (EnrolPasskey(options=CREATION_OPTIONS, name="Chrome on Windows", skip=True, others=True), {}),
    "enrol-passkey-exists": (
        EnrolPasskey(options=CREATION_OPTIONS, state="exists", cancel_url="/account"),
        {"client": None},
    ),
    "enrol-passkey-cancelled": (EnrolPasskey(options=CREATION_OPTIONS, state="cancelled"), {}),
    "backup-codes": (BackupCodes(codes=CODES), {}),
    "backup-codes-replaced": (BackupCodes(codes=CODES[:8], new="replaced"), {"client": None}),
}
