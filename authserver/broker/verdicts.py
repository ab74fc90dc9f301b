"""What came of a trial of an identity provider, for people: what was found, what a login would lead to, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from authserver.accounts.external import local_account, mapped_for
from authserver.accounts.external_values import taken_values
from authserver.broker.service import Broker, Place, callback_url_of
from authserver.broker.trials import Outcome
from authserver.model.pools import Pool
from authserver.store import Stores
from federation.connector import Check, Examines
from federation.connectors import kind_of
from federation.errors import Misconfigured
from federation.linking import Ask, Create, Decision, Facts, Link, Refuse, Use, decide
from federation.model import IdentityProvider

_ADVICE = {
    "provider_misconfigured": "look at the setting that is named, and apply the pool file again",
    "provider_unavailable": "look whether this server reaches the provider (outbound.allow, firewall, its status page)",
    "provider_refused": "look at the application that was registered there: redirect URI, client_id, secret, scope",
    "provider_cancelled": "nothing is wrong: the login there was turned back",
    "provider_answer_invalid": "compare issuer, keys or certificates, and the clocks of both sides",
    "provider_answer_misdirected": "compare client_id, entity ID and the address it returns to with what is set there",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a login by this provider would lead to, in words."""

    verified: bool
    error: str = ""
    reason: str = ""
    advice: str = ""
    subject: str = ""
    claims: Mapping[str, object] | None = None
    mapped: Mapping[str, object] | None = None
    skipped: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unknown_groups: tuple[str, ...] = ()
    decision: str = ""
    sources: Mapping[str, object] | None = None


async def examined(broker: Broker, issuer: Place, provider: IdentityProvider, now: int) -> list[Check]:
    """What can be looked at without anybody signing in: settings, metadata, keys."""
    try:
        connector = broker.connector(issuer.url, issuer.pool.id, provider)
    except Misconfigured as error:
        return [Check("settings", "error", error.detail, f"look at `{error.setting}`" if error.setting else "")]
    if not isinstance(connector, Examines):
        return [Check("settings", "ok", "complete")]
    return await connector.examine(callback_url_of(issuer.url, provider), now)


async def judged(stores: Stores, pool: Pool, provider: IdentityProvider, outcome: Outcome) -> Verdict:
    """What the outcome means for the pool. Changes nothing."""
    identity = outcome.identity
    if identity is None:
        advice = f"look at `{outcome.setting}` and apply the pool file again" if outcome.setting else ""
        return Verdict(
            verified=False, error=outcome.error, reason=outcome.reason, advice=advice or _ADVICE.get(outcome.error, "")
        )
    mapped = mapped_for(provider, identity)
    taken = taken_values(pool, mapped)
    linked = await stores.identities.identity(pool.id, provider.name, identity.subject)
    email = mapped.values.get("email")
    owner = None
    if linked is None and isinstance(email, str):
        owner = await stores.directory.find_user(pool.id, email, ("email",))
    account = None
    if owner is not None:
        account = await local_account(stores.registry, stores.identities, provider, owner)
    facts = Facts(
        provider,
        identity,
        policy=provider.linking or pool.linking.policy,
        linked=linked.user_id if linked is not None else None,
        owner=account,
        trusted_domains=tuple(kind_of(provider.type).speaks_for(identity)),
    )
    return Verdict(
        verified=True,
        subject=identity.subject,
        claims=dict(identity.claims),
        mapped=dict(mapped.values),
        skipped=tuple(f"{name} {why}" for name, why in taken.skipped),
        groups=tuple(sorted(mapped.groups or ())),
        unknown_groups=mapped.unknown_groups,
        decision=in_words(decide(facts)),
        sources=outcome.sources,
    )


def in_words(decision: Decision) -> str:
    """What would happen."""
    match decision:
        case Use(user_id):
            return f"signs in the user {user_id}, who is linked"
        case Link(user_id):
            return f"is linked to the user {user_id}, who has the same verified address, and signs in"
        case Ask(user_id):
            return f"is asked to prove the account {user_id}, which has the same address; then the two are linked"
        case Create(with_address):
            return "makes a new user" + ("" if with_address else ", whose address stays unverified: somebody has it")
        case Refuse(reason):
            return f"signs nobody in: {reason}"
