"""Identifier, password, consent, sign-out and errors in every state."""

from dataclasses import replace

from authserver.model.pools import Pool, ResourceServer, Scope
from authserver.pages.views import (
    Account,
    CheckLine,
    ClientMark,
    ConsentStep,
    ErrorPage,
    IdentifierStep,
    LeavingStep,
    Method,
    OnwardStep,
    PasswordStep,
    ProveAccountStep,
    Provider,
    ProviderTrial,
    SignedOut,
    SigningOutStep,
    SignOutConfirm,
    TrialLogin,
    UnsolicitedStep,
    scope_groups,
)
from tests.pages.samples import (
    ADA,
    ALL_SCOPES,
    API_SCOPES,
    BACK,
    BOB,
    BRANDED,
    HOSTILE,
    LONG,
    POOL,
    REQUEST_OPTIONS,
    RESTART,
    SHOP,
    WORKER,
    State,
)

FORGOT = "/demo_Pool1/forgotPassword"

ACME = Provider(name="Acme", label="Acme Corp")
CHECKS = (
    CheckLine(name="discovery", outcome="ok", found="https://id.acme.example"),
    CheckLine(name="keys", outcome="warning", found="2 keys, 1 of them too weak"),
    CheckLine(
        name="redirect URI", outcome="error", found="not registered there", advice="register https://login.example/cb"
    ),
)

CORE: dict[str, State] = {
    "identifier": (IdentifierStep(sign_up_url="/demo_Pool1/signup?x=1"), {}),
    "identifier-bare": (IdentifierStep(sign_in_with=("email",)), {"client": None, "languages": ()}),
    "identifier-typed": (
        IdentifierStep(identifier=WORKER, sign_in_with=("phone_number", "username")),
        {"client": SHOP},
    ),
    "identifier-accounts": (IdentifierStep(accounts=(ADA, BOB), sign_up_url="/signup"), {}),
    "identifier-empty": (IdentifierStep(fault="empty"), {}),
    "identifier-throttled": (IdentifierStep(identifier="ada", fault="throttled", retry_after=42), {}),
    "identifier-passkey": (
        IdentifierStep(sign_up_url="/signup", passkey_options=REQUEST_OPTIONS, sign_in_with=("email",)),
        {"client": SHOP},
    ),
    "identifier-passkey-unknown": (
        IdentifierStep(sign_up_url="/signup", passkey_options=REQUEST_OPTIONS, fault="passkey"),
        {},
    ),
    "identifier-not-found": (IdentifierStep(identifier="adaa", fault="not_found", sign_up_url="/signup"), {}),
    "identifier-providers": (
        IdentifierStep(
            passkey_options=REQUEST_OPTIONS,
            sign_up_url="/signup",
            providers=(
                Provider(name="Acme", label="Acme Corp", logo_uri=SHOP.logo_uri),
                Provider(name="Uni", label="University of Busan"),
            ),
        ),
        {"client": SHOP},
    ),
    "identifier-providers-alone": (
        IdentifierStep(
            local=False,
            providers=(
                Provider(name="Google", label="Google", icon="google"),
                Provider(name="Kakao", label="Kakao", icon="kakao"),
                Provider(name="Acme", label="Acme Corp"),
            ),
        ),
        {"client": SHOP},
    ),
    "identifier-no-way": (IdentifierStep(local=False), {"client": SHOP}),
    "identifier-cancelled": (
        IdentifierStep(
            trouble="provider_cancelled",
            trouble_at="Google",
            providers=(Provider(name="Google", label="Google", icon="google"),),
        ),
        {},
    ),
    "identifier-trouble": (
        IdentifierStep(
            trouble="provider_unavailable",
            trouble_at="Acme Corp",
            providers=(Provider(name="Acme", label="Acme Corp"),),
        ),
        {},
    ),
    "leaving": (
        LeavingStep(provider=Provider(name="Google", label="Google", icon="google"), url="https://id.example/a?b=c"),
        {"client": SHOP},
    ),
    "leaving-form": (
        LeavingStep(
            provider=Provider(name="Acme", label="Acme Corp"),
            url="https://id.example/sso",
            fields=(("SAMLRequest", "PHg+"), ("RelayState", "x")),
        ),
        {"client": SHOP},
    ),
    "prove-account": (
        ProveAccountStep(
            identifier="ada@example.com",
            joining="Google",
            providers=(Provider(name="Acme", label="Acme Corp"),),
        ),
        {"client": SHOP},
    ),
    "prove-account-closed": (ProveAccountStep(identifier="ada@example.com", joining="Google"), {}),
    "signing-out": (SigningOutStep(name="Wiki", url="https://wiki.example/slo?SAMLRequest=x"), {}),
    "signing-out-form": (
        SigningOutStep(name="Acme Corp", url="https://id.example/slo", fields=(("SAMLRequest", "PHg+"),)),
        {},
    ),
    "onward": (OnwardStep(url="https://shop.example/cb?code=x"), {"client": SHOP}),
    "onward-form": (
        OnwardStep(url="https://shop.example/acs", fields=(("SAMLResponse", "PHg+"), ("RelayState", "x"))),
        {"client": SHOP},
    ),
    "unsolicited": (UnsolicitedStep(provider=Provider(name="Acme", label="Acme Corp")), {}),
    "trial": (ProviderTrial(provider=ACME, enabled=False, checks=CHECKS), {}),
    "trial-works": (
        ProviderTrial(
            provider=ACME,
            enabled=True,
            checks=CHECKS[:1],
            login=TrialLogin(
                verified=True,
                subject="248289761001",
                decision="makes a new user",
                claims=(("email", "ada@acme.example"), ("groups", '["engineering","everybody"]')),
                mapped=(("email", "ada@acme.example"),),
                skipped=("custom:age is not a number",),
                groups=("staff",),
                unknown_groups=("everybody",),
                sources=(("idToken", '{\n  "sub": "248289761001"\n}'),),
            ),
        ),
        {},
    ),
    "trial-failed": (
        ProviderTrial(
            provider=ACME,
            enabled=False,
            checks=CHECKS,
            login=TrialLogin(
                verified=False,
                reason="invalid_client: the secret is wrong",
                advice="look at the application that was registered there",
            ),
        ),
        {},
    ),
    "password-joining": (PasswordStep(identifier="ada@example.com", joining="Google"), {"client": SHOP}),
    "identifier-branded": (IdentifierStep(sign_up_url="/signup"), {"branding": BRANDED, "client": SHOP}),
    "identifier-long": (
        IdentifierStep(identifier=WORKER, accounts=(Account(id="w", name=WORKER, detail=LONG),)),
        {"client": ClientMark(name=LONG), "pool_name": LONG},
    ),
    "identifier-hostile": (
        IdentifierStep(identifier=HOSTILE, accounts=(Account(id=HOSTILE, name=HOSTILE, detail=HOSTILE),)),
        {"client": ClientMark(name=HOSTILE), "pool_name": HOSTILE, "csrf": HOSTILE, "action": "/" + HOSTILE},
    ),
    "password": (PasswordStep(identifier="ada", forgot_password_url="/demo_Pool1/forgotPassword"), {}),
    "password-empty": (PasswordStep(identifier=WORKER, fault="empty"), {}),
    "password-wrong": (
        PasswordStep(identifier="ada", fault="wrong_credentials", forgot_password_url="/forgotPassword"),
        {},
    ),
    "password-throttled": (PasswordStep(identifier="ada", fault="throttled", retry_after=240), {}),
    "password-others": (
        PasswordStep(
            identifier="ada", forgot_password_url=FORGOT, others=(Method(kind="passkey"), Method(kind="email_code"))
        ),
        {},
    ),
    "password-many-others": (
        PasswordStep(
            identifier="ada",
            fault="wrong_credentials",
            forgot_password_url=FORGOT,
            others=(Method(kind="passkey"), Method(kind="email_code"), Method(kind="sms_code")),
        ),
        {},
    ),
    "password-closed": (
        PasswordStep(identifier="ada", fault="closed", forgot_password_url=FORGOT, others=(Method(kind="email_code"),)),
        {},
    ),
    "identifier-over": (IdentifierStep(identifier="ada", fault="wrong_credentials"), {}),
    "password-again": (PasswordStep(identifier="ada@example.com", reauthentication=True), {}),
    "password-hostile": (PasswordStep(identifier=HOSTILE), {"client": ClientMark(name=HOSTILE)}),
    "consent": (
        ConsentStep(
            account=ADA,
            groups=scope_groups(POOL, ("openid", "profile", "email", *API_SCOPES[:2])),
            returns_to="orders.example",
        ),
        {},
    ),
    "consent-all": (
        ConsentStep(account=BOB, groups=scope_groups(POOL, (*ALL_SCOPES, *API_SCOPES)), returns_to="127.0.0.1:8001"),
        {"client": SHOP},
    ),
    "consent-new": (
        ConsentStep(
            account=ADA,
            groups=scope_groups(POOL, ("openid", "profile", "email", *API_SCOPES[:2]), ("openid", "profile")),
        ),
        {"client": replace(SHOP, policy_uri=None, tos_uri=None), "branding": BRANDED},
    ),
    "consent-hostile": (
        ConsentStep(
            account=Account(name=HOSTILE, detail=HOSTILE),
            groups=scope_groups(
                Pool(id="p_1", name="p", resource_servers=(ResourceServer("r", HOSTILE, (Scope("s", HOSTILE),)),)),
                ("openid", "r/s", HOSTILE),
            ),
            returns_to=HOSTILE,
        ),
        {
            "client": ClientMark(
                name=HOSTILE,
                logo_uri="javascript:alert(1)",
                policy_uri="javascript:alert(1)",
                tos_uri='https://x.example/"onclick=',
            )
        },
    ),
    "sign-out": (SignOutConfirm(account=ADA, cancel_url="/demo_Pool1/account"), {"client": None}),
    "sign-out-bare": (SignOutConfirm(), {"client": None}),
    "signed-out": (SignedOut(return_url="https://orders.example/", return_name="Orders"), {"client": None}),
    "signed-out-bare": (SignedOut(), {"client": None}),
    "error-invalid_request": (
        ErrorPage(
            code="invalid_request",
            details=(
                ("error", "invalid_request"),
                (
                    "error_description",
                    "The redirect_uri is not registered for this client: https://evil.example/callback",
                ),
            ),
        ),
        {"client": None},
    ),
    "error-access_denied": (ErrorPage(code="access_denied", back_url=BACK), {}),
    "error-expired": (ErrorPage(code="expired", restart_url=RESTART), {}),
    "error-foreign": (ErrorPage(code="expired", reason="foreign", restart_url=RESTART), {}),
    "error-finished": (ErrorPage(code="expired", reason="finished", restart_url=RESTART, back_url=BACK), {}),
    "error-unnamed": (ErrorPage(code="expired", reason="unnamed", account_url="/demo_Pool1/account"), {"client": None}),
    "error-throttled": (ErrorPage(code="throttled", retry_after=60, again_url="/demo_Pool1/login?signin=x"), {}),
    "error-csrf": (ErrorPage(code="csrf", restart_url=RESTART), {}),
    "error-unavailable": (ErrorPage(code="unavailable", retry_after=2, again_url="/demo_Pool1/login?signin=x"), {}),
    "error-not_found": (ErrorPage(code="not_found"), {"client": None}),
    "error-neutral": (ErrorPage(code="internal"), {"client": None, "pool_name": None, "languages": ()}),
}
