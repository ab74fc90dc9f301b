"""The account page's sections in every state."""

from dataclasses import replace

from authserver.pages.views import (
    Account,
    AccountFrame,
    ActivityLine,
    ActivitySection,
    AddressView,
    AppLine,
    AppsSection,
    BackupLine,
    Browser,
    ClientMark,
    ConsentLine,
    DataSection,
    FactorLine,
    FieldView,
    Flash,
    IdentitiesSection,
    IdentityLine,
    Method,
    PasskeyLine,
    ProfileSection,
    Provider,
    RememberedLine,
    SecuritySection,
    SessionLine,
    SessionsSection,
    scope_groups,
)
from tests.pages.samples import (
    ALL_SCOPES,
    API_SCOPES,
    BRANDED,
    CLIENT,
    DAY,
    HOSTILE,
    HOUR,
    LONG,
    NOW,
    PHOTOS,
    POOL,
    SHOP,
    WORKER,
    State,
)

SECTIONS = ("profile", "security", "sessions", "apps", "identities", "activity", "data")
PERSON = Account(name="Ada Lovelace", detail="ada@example.com")
FRAME = AccountFrame(
    account=PERSON,
    section="profile",
    urls=tuple((section, f"/demo_Pool1/account/{section}") for section in SECTIONS),
    sign_out_url="/demo_Pool1/logout",
    back_url="https://orders.example/",
    back_name="Orders",
)
LAPTOP = Browser(name="Chrome on Windows", place="Seoul, South Korea", address="203.0.113.7")
MOBILE = Browser(name="Safari on iPhone", kind="phone", place="Busan, South Korea", address="198.51.100.23")
TABLET = Browser(name="Firefox on Android", kind="tablet", address="2001:db8:85a3::8a2e:370:7334")
NOWHERE = Browser()
GITHUB = Provider(name="GitHub", label="GitHub")
ACME = Provider(name="Acme", label="Acme Corp", logo_uri=SHOP.logo_uri)
OWN = {"client": None}


def frame(section: str, **changes: object) -> AccountFrame:
    return replace(FRAME, section=section, **changes)


PASSKEYS = (
    PasskeyLine(id="p1", name="Work laptop", created_at=NOW - 200 * DAY, last_used_at=NOW - 2 * HOUR),
    PasskeyLine(id="p2", name="iCloud Keychain", created_at=NOW - 40 * DAY, last_used_at=NOW - 3 * DAY, synced=True),
    PasskeyLine(id="p3", name="", created_at=NOW - 30),
)
PROFILE = (
    FieldView(name="given_name", value="Ada", required=True),
    FieldView(name="family_name", value="Lovelace", required=True),
    FieldView(name="nickname", value=""),
    FieldView(name="birthdate", kind="date", value="1985-12-10"),
    FieldView(name="locale", kind="select", value="en", options=(("", ""), ("en", "English"), ("ko", "한국어"))),
    FieldView(name="custom:employee", label="Employee number", kind="number", value="1815", fixed=True),
    FieldView(name="custom:news", label="Send me news once a month", kind="checkbox", value="true"),
)

ACCOUNT: dict[str, State] = {
    "account-profile": (
        ProfileSection(
            frame=frame("profile"),
            fields=PROFILE,
            username="ada",
            email=AddressView(value="ada@example.com", verified=True),
            phone_number=AddressView(),
        ),
        OWN,
    ),
    "account-profile-pending": (
        ProfileSection(
            frame=frame("profile", flash=Flash(notice="code_sent", name="ada@new.example")),
            fields=(
                FieldView(name="name", value="Ada Lovelace"),
                FieldView(name="website", kind="url", value="ftp:/x", fault="invalid"),
            ),
            email=AddressView(value="ada@example.com", verified=True, pending="ada@new.example"),
            phone_number=AddressView(value="+82 10 1234 5678"),
        ),
        OWN,
    ),
    "account-profile-saved": (
        ProfileSection(
            frame=frame("profile", flash=Flash(notice="profile_saved")),
            username="ada",
            email=AddressView(value="ada@example.com", verified=True, editable=False),
        ),
        {**OWN, "branding": BRANDED},
    ),
    "account-security": (
        SecuritySection(
            frame=frame("security"),
            password_changed_at=NOW - 90 * DAY,
            passkeys=PASSKEYS,
            factors=(
                FactorLine(
                    kind="totp", id="t1", name="Old phone", created_at=NOW - 300 * DAY, last_used_at=NOW - 5 * DAY
                ),
                FactorLine(kind="sms_code", id="s1", hint="•••• 5678", created_at=NOW - 20 * DAY),
            ),
            backup=BackupLine(left=7, total=10, created_at=NOW - 300 * DAY),
            addable=(Method(kind="email_code", hint="a•••@example.com"),),
            remembered=(
                RememberedLine(id="d1", browser=LAPTOP, until=NOW + 20 * DAY, current=True),
                RememberedLine(id="d2", browser=MOBILE, until=NOW + 3 * DAY),
            ),
            rp_id="login.example",
            user_handle="YTE",
            passkey_ids=("AQID",),
        ),
        OWN,
    ),
    "account-security-bare": (
        SecuritySection(
            frame=frame("security", flash=Flash(notice="last_factor")),
            password_changed_at=None,
            passkeys=(),
            addable=(
                Method(kind="totp"),
                Method(kind="sms_code", available=False),
                Method(kind="email_code", available=False),
                Method(kind="backup_codes"),
            ),
            remembered=(),
            required=True,
        ),
        OWN,
    ),
    "account-security-low": (
        SecuritySection(
            frame=frame("security", flash=Flash(notice="passkey_added", name="Work laptop")),
            has_password=False,
            backup=BackupLine(left=1, total=10),
            factors=(FactorLine(kind="totp", id="t1"),),
        ),
        OWN,
    ),
    "account-sessions": (
        SessionsSection(
            frame=frame("sessions"),
            sessions=(
                SessionLine(
                    id="s1",
                    browser=LAPTOP,
                    last_seen=NOW,
                    created_at=NOW - 3 * HOUR,
                    current=True,
                    apps=(AppLine(id="shop", client=SHOP), AppLine(id="orders", client=CLIENT)),
                ),
                SessionLine(
                    id="s2",
                    browser=MOBILE,
                    last_seen=NOW - 20 * 60,
                    created_at=NOW - 2 * DAY,
                    apps=(AppLine(id="p", client=PHOTOS),),
                ),
                SessionLine(id="s3", browser=TABLET, last_seen=NOW - 6 * DAY),
                SessionLine(id="s4", browser=NOWHERE, last_seen=NOW - 9 * DAY),
            ),
        ),
        OWN,
    ),
    "account-sessions-one": (
        SessionsSection(
            frame=frame("sessions", flash=Flash(notice="sessions_ended"), closing_at=NOW + 9 * DAY),
            sessions=(SessionLine(id="s1", browser=LAPTOP, last_seen=NOW, current=True),),
        ),
        OWN,
    ),
    "account-apps": (
        AppsSection(
            frame=frame("apps"),
            consents=(
                ConsentLine(
                    id="c1",
                    client=SHOP,
                    groups=scope_groups(POOL, (*ALL_SCOPES[:3], *API_SCOPES[:2])),
                    first_at=NOW - 100 * DAY,
                    last_at=NOW - 4 * HOUR,
                ),
                ConsentLine(
                    id="c2", client=PHOTOS, groups=scope_groups(POOL, ("openid", "email")), first_at=NOW - 2 * DAY
                ),
            ),
        ),
        OWN,
    ),
    "account-apps-none": (AppsSection(frame=frame("apps", flash=Flash(notice="consent_revoked", name="Photos"))), OWN),
    "account-identities": (
        IdentitiesSection(
            frame=frame("identities"),
            identities=(
                IdentityLine(
                    id="i1", provider=ACME, name="ada@acme.com", linked_at=NOW - 80 * DAY, last_used_at=NOW - DAY
                ),
                IdentityLine(id="i2", provider=GITHUB, name="ada-l", linked_at=NOW - 2 * DAY, removable=False),
            ),
            providers=(Provider(name="Uni", label="University of Busan"),),
        ),
        OWN,
    ),
    "account-identities-none": (IdentitiesSection(frame=frame("identities"), providers=(ACME, GITHUB)), OWN),
    "account-identities-off": (IdentitiesSection(frame=frame("identities")), {**OWN, "branding": BRANDED}),
    "account-activity": (
        ActivitySection(
            frame=frame("activity"),
            lines=(
                ActivityLine(id="e1", kind="sign_in.succeeded", at=NOW - 30, browser=LAPTOP, current=True),
                ActivityLine(
                    id="e2", kind="sign_in.failed", at=NOW - 50 * 60, browser=NOWHERE, failed=True, reportable=True
                ),
                ActivityLine(id="e3", kind="consent.given", at=NOW - 2 * DAY, detail="Harbour Market", browser=LAPTOP),
                ActivityLine(
                    id="e4",
                    kind="factor.enrolled",
                    at=NOW - 3 * DAY,
                    detail="Work laptop",
                    browser=MOBILE,
                    reportable=True,
                ),
                ActivityLine(id="e5", kind="password.changed", at=NOW - 60 * DAY, browser=TABLET, reportable=True),
                ActivityLine(id="e6", kind="something.new", at=NOW - 61 * DAY),
            ),
            older_url="?before=6",
            newer_url="?after=1",
        ),
        OWN,
    ),
    "account-activity-none": (ActivitySection(frame=frame("activity", flash=Flash(notice="reported"))), OWN),
    "account-data": (DataSection(frame=frame("data")), OWN),
    "account-data-closing": (
        DataSection(frame=frame("data", closing_at=NOW + 9 * DAY, flash=Flash(notice="deletion_planned"))),
        OWN,
    ),
    "account-data-kept": (DataSection(frame=frame("data"), delete_days=None), OWN),
    "account-long": (
        SessionsSection(
            frame=frame(
                "sessions",
                account=Account(name=LONG, detail=WORKER),
                back_name=LONG,
                flash=Flash(notice="session_ended", name=LONG),
            ),
            sessions=(
                SessionLine(
                    id="s1",
                    browser=Browser(name=LONG, place=LONG, address="2001:db8:85a3::8a2e:370:7334"),
                    last_seen=NOW,
                    apps=(AppLine(id="x", client=ClientMark(name=LONG)),),
                ),
                SessionLine(id="s2", browser=LAPTOP, last_seen=NOW),
            ),
        ),
        {**OWN, "pool_name": LONG},
    ),
    "account-hostile": (
        AppsSection(
            frame=frame(
                "apps",
                account=Account(name=HOSTILE, detail=HOSTILE),
                back_name=HOSTILE,
                flash=Flash(notice="consent_revoked", name=HOSTILE),
            ),
            consents=(
                ConsentLine(
                    id=HOSTILE, client=ClientMark(name=HOSTILE), groups=scope_groups(POOL, (HOSTILE,)), first_at=NOW
                ),
            ),
        ),
        {**OWN, "pool_name": HOSTILE},
    ),
    "account-security-hostile": (
        SecuritySection(
            frame=frame("security"),
            passkeys=(PasskeyLine(id=HOSTILE, name=HOSTILE, created_at=NOW),),
            factors=(FactorLine(kind="totp", id=HOSTILE, name=HOSTILE, hint=HOSTILE),),
            rp_id=HOSTILE,
            user_handle=HOSTILE,
            passkey_ids=(HOSTILE,),
            remembered=(RememberedLine(id=HOSTILE, browser=Browser(name=HOSTILE, place=HOSTILE), until=NOW),),
        ),
        OWN,
    ),
}
