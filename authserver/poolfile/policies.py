"""The policies of a pool, from their tables to values, with the rules that join several keys."""

from collections.abc import Iterator
from typing import Any

from authserver.model.pools import (
    AccountPolicy,
    Linking,
    MessagePolicy,
    MfaPolicy,
    PasswordPolicy,
    RecoveryPolicy,
    RiskPolicy,
    SessionPolicy,
    SignUpPolicy,
    TokenPolicy,
    Trigger,
)
from authserver.poolfile.pool_model import PoolModel, TriggerModel
from authserver.tomlfile.lines import KeyPath

_SENT_TO = {"email": "email_code", "phone_number": "sms_code"}

CHALLENGE_POINTS = ("define_auth_challenge", "create_auth_challenge", "verify_auth_challenge_response")
"""The points of a custom sign-in, which needs all of them."""

SHORTEST_SECRET = 24
"""Characters of the secret that signs a trigger's calls."""


def policies(model: PoolModel) -> dict[str, Any]:
    """The policies of a pool as arguments of `Pool`."""
    tokens, account = model.tokens, model.account
    return {
        "password_policy": PasswordPolicy(**model.password_policy.model_dump()),
        "session": SessionPolicy(**model.session.model_dump()),
        "tokens": TokenPolicy(
            **{
                **tokens.model_dump(),
                "access_alg": tokens.access_alg or ("RS256" if model.claims_profile == "cognito" else "ES256"),
            }
        ),
        "sign_up": SignUpPolicy(**_with_tuples(model.sign_up.model_dump())),
        "mfa": MfaPolicy(**_with_tuples(model.mfa.model_dump())),
        "risk": RiskPolicy(**model.risk.model_dump()),
        "recovery": RecoveryPolicy(**_with_tuples(model.recovery.model_dump())),
        "account": AccountPolicy(
            account.enabled, account.delete_days if account.deletable else None, account.reauthenticate
        ),
        "messages": MessagePolicy(
            model.messages.from_name,
            model.messages.from_address or "",
            model.messages.reply_to,
            model.messages.texts,
        ),
        "linking": Linking(**model.linking.model_dump()),
        "triggers": tuple(_trigger(trigger) for trigger in model.triggers),
    }


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _trigger(model: TriggerModel) -> Trigger:
    return Trigger(
        point=model.point,
        url=model.url,
        callable=model.callable,
        timeout=float(model.timeout),
        version=model.version,
    )


def policy_faults(model: PoolModel) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with keys taken together: the path below `pool`, and a sentence."""
    if model.password_policy.min_length > model.password_policy.max_length:
        yield ("password_policy", "min_length"), "is greater than max_length"
    for path, values in (
        (("sign_up", "required_attributes"), model.sign_up.required_attributes),
        (("sign_up", "verify"), model.sign_up.verify),
        (("sign_up", "allowed_domains"), model.sign_up.allowed_domains),
        (("mfa", "factors"), model.mfa.factors),
        (("mfa", "first_factors"), model.mfa.first_factors),
        (("mfa", "acr_levels"), model.mfa.acr_levels),
        (("recovery", "by"), model.recovery.by),
        (("triggers",), [t.point for t in model.triggers]),
    ):
        if len(set(values)) != len(values):
            yield path, "names something twice"
    yield from _mfa_faults(model)
    defined = {a.name for a in model.attributes}
    for i, name in enumerate(model.sign_up.required_attributes):
        if name.startswith("custom:") and name not in defined:
            yield ("sign_up", "required_attributes", i), f"`{name}` is not defined in [[pool.attributes]]"
        if name == "address" and name not in defined:
            reason = "is made of several parts, which no form asks for; define it as a string in [[pool.attributes]]"
            yield ("sign_up", "required_attributes", i), f"`{name}` {reason}"
    yield from _terms_faults(model)
    if model.sign_up.enabled:
        yield from _sign_up_faults(model)
    for i, trigger in enumerate(model.triggers):
        for key, sentence in _trigger_faults(trigger):
            yield ("triggers", i, key), sentence


def _sign_up_faults(model: PoolModel) -> Iterator[tuple[KeyPath, str]]:
    """What would let people register and not come back: only a proven address is a name, or takes a code."""
    verify, first = set(model.sign_up.verify), set(model.mfa.first_factors)
    if model.sign_up.allowed_domains and "email" not in verify:
        yield ("sign_up", "verify"), "must name email: unverified addresses prove no domain, and allowed_domains is set"
    if not {"username", "preferred_username", *verify} & set(model.sign_in_with):
        yield ("sign_up", "verify"), "must name an address of sign_in_with: people sign in by verified ones alone"
    sent = {address for address, factor in _SENT_TO.items() if factor in first}
    if not first & {"password", "custom"} and not sent & verify:
        yield ("sign_up", "verify"), "must name an address that a first factor sends its codes to: there is no password"


def _terms_faults(model: PoolModel) -> Iterator[tuple[KeyPath, str]]:
    policy = model.sign_up
    if policy.terms_required and policy.terms_uri is None and policy.policy_uri is None:
        yield ("sign_up", "terms_required"), "needs terms_uri or policy_uri: there is nothing to agree to"
    if policy.terms_changed is not None and not policy.terms_required:
        yield ("sign_up", "terms_changed"), "asks nobody unless terms_required is true"


def _mfa_faults(model: PoolModel) -> Iterator[tuple[KeyPath, str]]:
    mfa = model.mfa
    if mfa.mode != "off" and not _enrollable(model):
        yield ("mfa", "mode"), f"is {mfa.mode}, but mfa.factors names no factor that could be set up"
    if mfa.mode == "required" and set(mfa.first_factors) & {"email_code", "sms_code"}:
        # The same mailbox would be both factors.
        yield ("mfa", "first_factors"), "must not begin with a sent code where mfa.mode is required"
    if mfa.first_factors == ["passkey"]:
        yield ("mfa", "first_factors"), "names passkey alone: a new person, or a new device, could never begin"
    missing = [point for point in CHALLENGE_POINTS if point not in {t.point for t in model.triggers}]
    if "custom" in mfa.first_factors and missing:
        yield ("mfa", "first_factors"), f"names custom, which needs a trigger at {' and '.join(missing)}"


def _enrollable(model: PoolModel) -> bool:
    return any(factor != "backup_codes" for factor in model.mfa.factors)


def client_mfa_fault(model: PoolModel, mode: str | None) -> str | None:
    """Why a client of the pool cannot have this mode instead of the pool's."""
    if mode not in {None, "off"} and not _enrollable(model):
        return f"is {mode}, but pool.mfa.factors names no factor that could be set up"
    return None


def _trigger_faults(trigger: TriggerModel) -> Iterator[tuple[str, str]]:
    if (trigger.url is None) == (trigger.callable is None):
        yield "point", "needs either url or callable"
    if trigger.url is not None and trigger.secret is None:
        yield "url", "needs a secret that signs the calls"
    if trigger.secret is not None and trigger.url is None:
        yield "secret", "signs the calls of a url, and there is none"
    if trigger.secret is not None and len(trigger.secret.value) < SHORTEST_SECRET:
        yield "secret", f"must have at least {SHORTEST_SECRET} characters"
    if trigger.version != "V1_0" and trigger.point != "pre_token_generation":
        yield "version", "beyond V1_0 is for pre_token_generation"
