"""Which factors a user has and may add, and what the proofs given in a sign-in are worth. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from authserver.model.credentials import Credential
from authserver.model.pools import FactorKind, Pool
from authserver.model.sessions import Proof
from authserver.model.users import User

MOST_PASSKEYS = 20
"""For one user, as in Cognito."""

MOST_TOTP = 5
"""For one user. Each further one is a further code that a guess may hit."""

_BY_STRENGTH: tuple[FactorKind, ...] = ("passkey", "totp", "email_code", "sms_code", "backup_codes")

_SENT = frozenset({"email_code", "sms_code"})
_OWN = frozenset({"totp", "backup_codes", "passkey"})


@dataclass(frozen=True, slots=True)
class Summary:
    """A user's second factors under the policy of the pool.

    `usable` can be given now, strongest first. `enrollable` can be set up now, strongest first: one more passkey or
    authenticator app counts. `preferred` is what to ask for first: the one used last. `backup_codes_left` is what
    remains of the codes, whatever the policy says of them.
    """

    usable: tuple[FactorKind, ...]
    enrollable: tuple[FactorKind, ...]
    preferred: FactorKind | None
    backup_codes_left: int = 0


def summarize(pool: Pool, user: User, credentials: Sequence[Credential], backup_codes_left: int) -> Summary:
    """What the user has and may add. `credentials` are all of the user's."""
    allowed = pool.mfa.factors
    usable = tuple(k for k in _BY_STRENGTH if k in allowed and _has(k, user, credentials, backup_codes_left))
    others = any(k != "backup_codes" for k in usable)
    enrollable = tuple(
        k
        for k in _BY_STRENGTH
        if (k in allowed or (k == "passkey" and "passkey" in pool.mfa.first_factors))
        and _may_add(k, user, credentials, backup_codes_left, others=others)
    )
    return Summary(usable, enrollable, _preferred(usable, credentials), backup_codes_left)


def _has(kind: FactorKind, user: User, credentials: Sequence[Credential], backup_codes_left: int) -> bool:
    if kind == "backup_codes":
        return backup_codes_left > 0
    # An address that changed and is not verified yet may be a stranger's.
    return _reachable(kind, user) and any(c.kind == kind for c in credentials)


def _may_add(
    kind: FactorKind, user: User, credentials: Sequence[Credential], backup_codes_left: int, *, others: bool
) -> bool:
    if kind == "backup_codes":  # they stand in for another factor, and are none by themselves
        return others and backup_codes_left == 0
    most = {"passkey": MOST_PASSKEYS, "totp": MOST_TOTP}.get(kind, 1)
    return _reachable(kind, user) and sum(c.kind == kind for c in credentials) < most


def _reachable(kind: FactorKind, user: User) -> bool:
    if kind == "email_code":
        return user.email is not None and user.email_verified
    if kind == "sms_code":
        return user.phone_number is not None and user.phone_number_verified
    return True


def _preferred(usable: tuple[FactorKind, ...], credentials: Sequence[Credential]) -> FactorKind | None:
    """The one used last; without any use the strongest. Backup codes only where there is nothing else: each is one
    fewer, and none is noted as used.
    """
    last: dict[str, int] = {}
    for credential in credentials:
        last[credential.kind] = max(last.get(credential.kind, -1), credential.last_used_at or -1)
    return max(usable, key=lambda kind: last.get(kind, -2), default=None)  # of equals, the first: the strongest


# ---------------------------------------------------------------------------------------- what proofs are worth


def level(proofs: Iterable[Proof]) -> int:
    """The level of authentication, 1 to 4 (`model.pools.ACR_LEVELS`); 0 if nothing was proven.

    A remembered device and a pool's own challenge (`custom`) add nothing: nobody but the pool knows what it proves. A
    backup code counts like a sent one, for it lies about on paper. Beyond the list, a verified passkey and a TOTP code
    are worth the highest level: they are two things, one of which knows its owner. What another provider says is worth
    what a password is, unless the pool believes it to be two factors.
    """
    proofs = tuple(proofs)
    given = {p.method for p in proofs}
    verified = any(p.method == "passkey" and p.verified for p in proofs)
    if ("password" in given and given & {"totp", "passkey"}) or (verified and "totp" in given):
        return 4
    if "passkey" in given or is_multi_factor(proofs):
        return 3
    if given & {"email_code", "sms_code", "totp"}:
        return 2
    return 1 if given & {"password", "backup_codes", "custom", "federated"} else 0


def acr(pool: Pool, proofs: Iterable[Proof]) -> str:
    """The level's name in the pool (OpenID Connect Core 2). "0" stands for less than the lowest."""
    reached = level(proofs)
    return pool.mfa.acr_levels[reached - 1] if reached else "0"


def is_multi_factor(proofs: Iterable[Proof]) -> bool:
    """Whether there are two factors: of two kinds among what one knows (password, or another provider's word), what was
    sent to one (mail, SMS), and what one holds (authenticator app, passkey, backup codes). A passkey that made sure of its
    owner is two already, and so is a provider where the pool takes its word for that.
    """
    proofs = tuple(proofs)
    given = {p.method for p in proofs}
    kinds = bool(given & {"password", "federated"}) + bool(given & _SENT) + bool(given & _OWN)
    return kinds > 1 or any(p.method in {"passkey", "federated"} and p.verified for p in proofs)


def amr(proofs: Iterable[Proof]) -> tuple[str, ...]:
    """The authentication methods, in the order they were given (RFC 8176 2).

    A mailed code has no registered value; `email_otp` is what Cognito says, and RFC 8176 1 leaves such values to the
    parties. `otp` would promise a code of RFC 4226 or 6238. A passkey is `hwk` if its key cannot leave the
    authenticator and `swk` if a keychain holds it, as far as it says itself: no attestation is asked for.
    """
    proofs = tuple(proofs)
    values = [value for proof in proofs for value in _values(proof)]
    if is_multi_factor(proofs):
        values.append("mfa")
    return tuple(dict.fromkeys(values))


def _values(proof: Proof) -> tuple[str, ...]:
    match proof.method:
        case "password":
            return ("pwd",)
        case "totp" | "backup_codes":
            return ("otp",)
        case "email_code":
            return ("email_otp",)
        case "sms_code":
            return ("sms",)
        case "passkey":
            return ("hwk" if proof.device_bound else "swk", "user")
        case _:
            return proof.amr
