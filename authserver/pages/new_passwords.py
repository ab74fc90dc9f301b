"""The field for a new password: the pool's rules, and what was wrong with the one that was sent."""

from authserver.errors import Invalid, Refusal, WeakPassword
from authserver.model.pools import Pool
from authserver.pages.views import NewPassword, PasswordFault, PasswordRules, Strength


def new_password(pool: Pool, refusal: Refusal | None, *, unlike: tuple[str, ...] = ()) -> NewPassword:
    """The field for a new password, with the pool's rules and what was wrong with the one that was sent."""
    policy = pool.password_policy
    return NewPassword(
        rules=PasswordRules(
            min_length=policy.min_length,
            max_length=policy.max_length,
            lowercase=policy.require_lowercase,
            uppercase=policy.require_uppercase,
            numbers=policy.require_numbers,
            symbols=policy.require_symbols,
            unlike=unlike,
        ),
        fault=_fault(refusal),
        strength=_strength(refusal),
    )


_RULES: dict[str, PasswordFault] = {
    "empty": "empty",
    "min_length": "too_short",
    "max_length": "too_long",
    "lowercase": "missing",
    "uppercase": "missing",
    "numbers": "missing",
    "symbols": "missing",
    "breached": "breached",
    "history": "reused",
    "context_word": "own",
}
"""What is said of a broken rule; of those that are not here, that it is too easy to guess."""


def _fault(refusal: Refusal | None) -> PasswordFault | None:
    if isinstance(refusal, WeakPassword):
        return _RULES.get(refusal.rules[0], "weak") if refusal.rules else "weak"
    return "empty" if isinstance(refusal, Invalid) and refusal.field == "new_password" else None


def _strength(refusal: Refusal | None) -> Strength | None:
    """What would make the password better: for people without JavaScript, whose meter does not move as they type."""
    if not isinstance(refusal, WeakPassword) or refusal.score is None:
        return None
    return Strength(score=refusal.score, advice=refusal.advice)
