"""Sign-up, recovery, links, devices and the account's single tasks, in every state."""

from authserver.pages.views import (
    Account,
    AccountClosed,
    Browser,
    ChangePassword,
    DeleteAccount,
    Deleted,
    DeviceCodeEntry,
    DeviceConfirm,
    DeviceDone,
    FieldView,
    LinkConfirm,
    LinkDone,
    LinkGone,
    Method,
    NewPassword,
    NotMe,
    NotMeDone,
    PasswordRules,
    Provider,
    Reauthenticate,
    RecoverAsk,
    RecoverClosed,
    RecoverCode,
    RecoverDone,
    RecoverMedium,
    RemoveFactor,
    RenamePasskey,
    ReplaceCodes,
    Resend,
    SignUpClosed,
    SignUpDone,
    SignUpForm,
    Strength,
    Terms,
    Unlink,
    scope_groups,
)
from tests.pages.samples import (
    ADA,
    API_SCOPES,
    BRANDED,
    DAY,
    HOSTILE,
    HOUR,
    LONG,
    NOW,
    POOL,
    SHOP,
    WORKER,
    State,
)

TERMS = Terms(tos_uri="https://demo.example/terms", policy_uri="https://demo.example/privacy")
EMAIL = FieldView(name="email", kind="email", required=True)
USERNAME = FieldView(name="username", required=True, minimum=3)
NEW = NewPassword(rules=PasswordRules(unlike=("Demo",)))
SEOUL = Browser(name="Chrome on Windows", place="Seoul, South Korea", address="203.0.113.7")
OWN = {"client": None}

SIGN_UP: dict[str, State] = {
    "sign-up": (
        SignUpForm(
            fields=(EMAIL, FieldView(name="name", required=True)), password=NEW, terms=TERMS, sign_in_url="/login"
        ),
        {},
    ),
    "sign-up-long": (
        SignUpForm(
            fields=(
                USERNAME,
                EMAIL,
                FieldView(name="phone_number", kind="tel", hint="For codes by text message."),
                FieldView(name="given_name", required=True),
                FieldView(name="family_name", required=True),
                FieldView(name="birthdate", kind="date", maximum="2012-11-30"),
                FieldView(name="custom:employee", label="Employee number", kind="number", minimum=1000, maximum=99999),
                FieldView(
                    name="custom:department",
                    label="Department",
                    kind="select",
                    options=(("", ""), ("eng", "Engineering")),
                ),
                FieldView(name="custom:news", label="Send me news once a month", kind="checkbox"),
            ),
            password=NEW,
            terms=TERMS,
            allowed_domains=("acme.com", "acme.co.kr"),
            sign_in_url="/login",
        ),
        {"client": SHOP, "branding": BRANDED},
    ),
    "sign-up-faults": (
        SignUpForm(
            fields=(
                FieldView(name="username", required=True, value="ada", fault="taken"),
                FieldView(name="email", kind="email", required=True, value="ada@", fault="invalid"),
                FieldView(name="given_name", required=True, fault="empty"),
                FieldView(name="nickname", value="A", fault="too_short", minimum=2),
                FieldView(
                    name="custom:employee",
                    label="Employee number",
                    kind="number",
                    value="7",
                    fault="too_small",
                    minimum=1000,
                ),
                FieldView(name="custom:code", label="Badge", value="<b>", sentence="A badge has four letters."),
                FieldView(
                    name="custom:site", kind="select", options=(("", ""), ("a", "A")), required=True, fault="empty"
                ),
                FieldView(name="custom:adult", label="I am an adult", kind="checkbox", required=True, fault="empty"),
            ),
            password=NewPassword(fault="too_short", strength=Strength(score=0)),
            terms=Terms(tos_uri="https://demo.example/terms", missing=True),
            sign_in_url="/login",
        ),
        {},
    ),
    "sign-up-password": (
        SignUpForm(
            fields=(FieldView(name="email", kind="email", required=True, value="ada@example.com"),),
            password=NewPassword(
                fault="breached",
                strength=Strength(score=2, advice=("name",)),
            ),
            terms=Terms(policy_uri="https://demo.example/privacy", accepted=True),
        ),
        {},
    ),
    "sign-up-domain": (
        SignUpForm(
            fields=(FieldView(name="email", kind="email", required=True, value="ada@gmail.com", fault="domain"),),
            password=NEW,
            allowed_domains=("acme.com",),
        ),
        {},
    ),
    "sign-up-refused": (
        SignUpForm(fields=(EMAIL,), fault="refused", sentence="Ask your manager for an account.", sign_in_url="/login"),
        {},
    ),
    "sign-up-throttled": (SignUpForm(fields=(EMAIL,), fault="throttled", retry_after=120), {}),
    "sign-up-invited": (
        SignUpForm(
            fields=(FieldView(name="email", kind="email", value="ada@example.com", fixed=True), FieldView(name="name")),
            password=NEW,
            terms=TERMS,
            invited=True,
        ),
        {},
    ),
    "sign-up-providers": (
        SignUpForm(
            fields=(EMAIL,), password=NEW, providers=(Provider(name="Acme", label="Acme Corp"),), sign_in_url="/login"
        ),
        {},
    ),
    "sign-up-hostile": (
        SignUpForm(
            fields=(
                FieldView(name="custom:x", label=HOSTILE, value=HOSTILE, sentence=HOSTILE, hint=HOSTILE),
                FieldView(name="custom:y", kind="select", label=HOSTILE, value=HOSTILE, options=((HOSTILE, HOSTILE),)),
            ),
            fault="refused",
            sentence=HOSTILE,
            allowed_domains=(HOSTILE,),
        ),
        {"pool_name": HOSTILE},
    ),
    "sign-up-off": (SignUpClosed(sign_in_url="/login"), {}),
    "sign-up-invitation": (SignUpClosed(reason="invitation", sign_in_url="/login"), {}),
    "sign-up-done": (SignUpDone(continue_url="/login"), {}),
    "sign-up-waiting": (SignUpDone(waiting=True), {}),
    "recover": (RecoverAsk(sign_in_url="/login"), {}),
    "recover-empty": (RecoverAsk(sign_in_with=("email",), fault="empty"), {}),
    "recover-throttled": (RecoverAsk(identifier=WORKER, fault="throttled", retry_after=3600), {}),
    "recover-medium": (RecoverMedium(identifier="ada"), {}),
    "recover-medium-throttled": (RecoverMedium(identifier="ada", fault="throttled", retry_after=600), {}),
    "recover-code": (
        RecoverCode(
            identifier="ada@example.com",
            medium="email",
            password=NewPassword(),
            resend=Resend(after=60),
            other_medium=True,
        ),
        {},
    ),
    "recover-code-alone": (RecoverCode(identifier="ada", medium="sms", password=None, resend=Resend()), {}),
    "recover-code-wrong": (
        RecoverCode(
            identifier="ada", medium="email", password=NewPassword(), fault="wrong", tries_left=3, resend=Resend()
        ),
        {},
    ),
    "recover-code-expired": (
        RecoverCode(
            identifier=LONG, medium="sms", password=NewPassword(), fault="expired", resend=Resend(), other_medium=True
        ),
        {},
    ),
    "recover-password-weak": (
        RecoverCode(
            identifier="ada",
            medium="email",
            code="123456",
            password=NewPassword(fault="weak", strength=Strength(score=1)),
        ),
        {},
    ),
    "recover-done": (RecoverDone(continue_url="/login"), {}),
    "recover-closed": (RecoverClosed(sign_in_url="/login"), {}),
    **{
        f"link-{purpose}": (LinkConfirm(purpose=purpose, target="ada@example.com"), OWN)
        for purpose in ("confirm", "change_email", "recover", "sign_in")
    },
    "link-change_phone_number": (LinkConfirm(purpose="change_phone_number", target="+82 10 1234 5678"), OWN),
    "link-done": (LinkDone(purpose="confirm", continue_url="/login"), OWN),
    "link-done-elsewhere": (LinkDone(purpose="sign_in", elsewhere=True), OWN),
    "link-done-phone": (LinkDone(purpose="change_phone_number", continue_url="/account"), OWN),
    "link-used": (LinkGone(purpose="confirm", reason="used", restart_url="/account"), OWN),
    "link-expired": (LinkGone(purpose="recover", restart_url="/account"), OWN),
    "not-me": (NotMe(at=NOW - 3 * HOUR, browser=SEOUL), OWN),
    "not-me-password": (NotMe(event="password.changed", at=NOW - 30 * DAY), OWN),
    "not-me-done": (NotMeDone(recover_url="/forgotPassword"), OWN),
    "device-code": (DeviceCodeEntry(), OWN),
    "device-code-wrong": (DeviceCodeEntry(code="WDJB-MJHT", fault="wrong"), OWN),
    "device-code-throttled": (DeviceCodeEntry(fault="throttled", retry_after=9), OWN),
    "device-confirm": (
        DeviceConfirm(
            account=ADA,
            code="WDJB-MJHT",
            groups=scope_groups(POOL, ("openid", "profile", *API_SCOPES[:1])),
            asked=Browser(place="Busan, South Korea"),
        ),
        {"client": SHOP},
    ),
    "device-approved": (DeviceDone(result="approved"), OWN),
    "device-denied": (DeviceDone(result="denied"), OWN),
    "device-expired": (DeviceDone(result="expired", restart_url="/device"), OWN),
    "task-password": (ChangePassword(username="ada", password=NewPassword(), cancel_url="/account"), OWN),
    "task-password-wrong": (
        ChangePassword(
            username="ada", password=NewPassword(fault="mismatch"), cancel_url="/account", sign_out_others=False
        ),
        OWN,
    ),
    "task-password-set": (
        ChangePassword(
            username="ada", password=NewPassword(), ask_current=False, has_password=False, cancel_url="/account"
        ),
        OWN,
    ),
    "task-password-throttled": (
        ChangePassword(username="ada", password=NewPassword(), throttled=True, retry_after=60, cancel_url="/account"),
        OWN,
    ),
    "task-rename": (RenamePasskey(name="", fault="empty", cancel_url="/account"), OWN),
    "task-remove-passkey": (
        RemoveFactor(factor=Method(kind="passkey", hint="Work laptop"), cancel_url="/account"),
        OWN,
    ),
    "task-remove-last": (RemoveFactor(factor=Method(kind="totp"), last=True, cancel_url="/account"), OWN),
    "task-replace-codes": (ReplaceCodes(left=7, cancel_url="/account"), OWN),
    "task-unlink": (
        Unlink(provider=Provider(name="Acme", label="Acme Corp"), name="ada@acme.com", cancel_url="/account"),
        OWN,
    ),
    "task-delete": (DeleteAccount(account=ADA, username="ada", days=14, cancel_url="/account"), OWN),
    "task-delete-mismatch": (
        DeleteAccount(
            account=Account(name=LONG, detail=WORKER),
            username=WORKER,
            days=0,
            typed="ad",
            fault="mismatch",
            cancel_url="/account",
        ),
        OWN,
    ),
    "task-deleted": (Deleted(), OWN),
    "task-to-be-deleted": (Deleted(at=NOW + 13 * DAY), OWN),
    **{
        f"task-again-{reason}": (Reauthenticate(account=ADA, reason=reason, cancel_url="/account"), OWN)
        for reason in ("password", "factor", "address", "delete", "export", "other")
    },
    "account-closed": (AccountClosed(), OWN),
}
