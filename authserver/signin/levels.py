"""How strong a sign-in must be, by the pool, the client and the request, and what proofs amount to. Pure."""

from authserver.model.clients import POOL, Client
from authserver.model.pools import FactorKind, Pool
from authserver.model.sessions import Authentication, AuthorizationRequest, Proof
from authserver.signin.factors.summary import acr, is_multi_factor


def mfa_mode(pool: Pool, client: Client) -> str:
    """Whether a second factor is asked for: the client's word over the pool's, except that "required" of the pool is a
    floor.
    """
    if pool.mfa.mode == "required" or client.mfa is None:
        return pool.mfa.mode
    return client.mfa


def first_factors(pool: Pool, client: Client) -> tuple[str, ...]:
    """What a sign-in with one of the pool's own accounts may begin with; nothing where the client takes none of these."""
    return pool.mfa.first_factors if client.signs_in_by(POOL) else ()


def provider_of(proofs: tuple[Proof, ...]) -> str | None:
    """The provider that said who it is; None if the pool found out itself."""
    return next((p.provider for p in proofs if p.method == "federated"), None)


def accepts(client: Client, request: AuthorizationRequest, proofs: tuple[Proof, ...]) -> bool:
    """Whether a client, and its request, take somebody who came that way: by a provider, or by an account of the pool."""
    came_by = provider_of(proofs) or POOL
    return client.signs_in_by(came_by) and request.identity_provider in {None, came_by}


def wanted_level(pool: Pool, request: AuthorizationRequest) -> int:
    """The level of authentication that the request asks for by `acr_values`: the least of those it would take; 0 if it
    names none that we know (Core 3.1.2.1: they are voluntary, and unknown ones ask nothing of us).
    """
    levels = [i for i, name in enumerate(pool.mfa.acr_levels, 1) if name in request.acr_values]
    return min(levels, default=0)


def supported_levels(pool: Pool) -> tuple[str, ...]:
    """The names of the levels that somebody may reach in this pool, lowest first (`acr_values_supported`). Where the
    mode is "off" too: a client or a request may still ask for a second factor.
    """
    first, second = set(pool.mfa.first_factors), set(pool.mfa.factors)
    highest = 1
    if first & {"email_code", "sms_code"} or ("custom" in first and second & {"email_code", "sms_code", "totp"}):
        highest = 2
    if "passkey" in first or ("custom" in first and "passkey" in second):
        highest = 3
    if "password" in first and second & {"email_code", "sms_code"}:
        highest = 3
    if "password" in first and second & {"totp", "passkey"}:
        highest = 4
    return pool.mfa.acr_levels[:highest]


def enough_factors(pool: Pool, client: Client, proofs: tuple[Proof, ...]) -> bool:
    """Whether there are two factors, or one and a device that was remembered instead of the other."""
    return is_multi_factor(proofs) or (
        any(p.method == "device" for p in proofs) and device_counts(pool, client, proofs)
    )


def device_counts(pool: Pool, client: Client, proofs: tuple[Proof, ...]) -> bool:
    """Whether a remembered device may stand for the second factor: where two are required, not beside a challenge of
    which nobody but the pool knows what it proves.
    """
    return mfa_mode(pool, client) != "required" or any(p.method not in {"custom", "device"} for p in proofs)


def completes(pool: Pool, proofs: tuple[Proof, ...], kind: FactorKind) -> bool:
    """Whether with a factor of this kind there would be two, the password that can still be asked for among them. Whom
    it does not help must not be made to set it up.
    """
    now = proofs[-1].at
    ahead = (Proof("password", now),) if "password" in pool.mfa.first_factors else ()
    given = any(p.method == kind for p in proofs)
    return not given and is_multi_factor((*proofs, *ahead, Proof(kind, now, verified=True)))


def authentication_of(pool: Pool, user_id: str, proofs: tuple[Proof, ...], amr: tuple[str, ...]) -> Authentication:
    """What the proofs amount to. `auth_time` is that of the first factor: a step-up does not make it younger."""
    return Authentication(user_id, proofs[0].at, amr, acr(pool, proofs), proofs)
