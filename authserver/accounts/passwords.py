"""The password policy: which of a pool's rules a password breaks (NIST SP 800-63B 3.1.1.2, ASVS 6.2).

Rules that the password alone decides are pure (`check_password`). Whether it is known from breaches, or was this person's
before, takes lists and hashes: `PasswordRules` joins all of them into one judgement.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from authserver.crypto.passwords import Passwords
from authserver.model.pools import PasswordPolicy, Pool
from authserver.model.users import User, fold
from authserver.protection.breached import BreachedPasswords
from authserver.protection.strength import Meter, Strength, own_words
from authserver.store import Credentials, Directory

SHORTEST_WORD = 4
"""Characters: a shorter name may well be part of a good password by chance."""


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that a password breaks: a code for front ends that translate, and a sentence that completes "It"."""

    code: str
    sentence: str
    limit: int = 0


BREACHED = BrokenRule("breached", "must not be one that is known from data breaches, or that many people use")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of a password: `broken` rules keep it from being used; `warnings` do not. `strength` is None
    where nobody asked for it, or too many do.
    """

    broken: tuple[BrokenRule, ...] = ()
    warnings: tuple[BrokenRule, ...] = ()
    strength: Strength | None = None


def context_words(username: str, email: str | None) -> tuple[str, ...]:
    """What a password of this user must not hold: the username and the local part of the email address."""
    local = email.rpartition("@")[0] if email else ""
    return tuple(w for w in (username, local) if len(w) >= SHORTEST_WORD)


def check_password(policy: PasswordPolicy, password: str, words: Iterable[str] = ()) -> list[BrokenRule]:
    """Every rule that the password breaks by itself; empty if it may be used. Lengths are counted in code points.

    Args:
        policy: the pool's.
        password: as it was typed.
        words: what it must not hold, in any case (`context_words`); those below 4 characters are passed over.
    """
    broken: list[BrokenRule] = []
    if len(password) < policy.min_length:
        limit = policy.min_length
        broken.append(BrokenRule("min_length", f"must have at least {limit} characters", limit))
    if len(password) > policy.max_length:
        limit = policy.max_length
        broken.append(BrokenRule("max_length", f"must have at most {limit} characters", limit))
        return broken  # nothing more is done with a megabyte
    categories = {unicodedata.category(c) for c in password}
    if policy.require_lowercase and "Ll" not in categories:
        broken.append(BrokenRule("lowercase", "must have a lower-case letter"))
    if policy.require_uppercase and "Lu" not in categories:
        broken.append(BrokenRule("uppercase", "must have an upper-case letter"))
    if policy.require_numbers and "Nd" not in categories:
        broken.append(BrokenRule("numbers", "must have a digit"))
    if policy.require_symbols and all(c[0] in "LN" for c in categories):
        broken.append(BrokenRule("symbols", "must have a character that is no letter and no digit"))
    folded = fold(password)
    if any(len(word) >= SHORTEST_WORD and fold(word) in folded for word in words):
        broken.append(BrokenRule("context_word", "must not hold the username or the name in the email address"))
    return broken


class PasswordRules:
    """Judges passwords that people choose, by all rules of their pool.

    Args:
        passwords: hashes; a look at former passwords costs as much as so many sign-ins.
        breached: the lists of known passwords.
        meter: measures strength; without one no hints are given.
    """

    def __init__(
        self,
        directory: Directory,
        credentials: Credentials,
        passwords: Passwords,
        breached: BreachedPasswords,
        meter: Meter | None = None,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._passwords = passwords
        self._breached = breached
        self._meter = meter

    async def check(self, pool: Pool, user: User | None, password: str, words: Iterable[str] = ()) -> list[BrokenRule]:
        """Every rule that the password breaks; empty if it may be used.

        Args:
            pool: whose policy it is.
            user: whose password it shall be; None for somebody who signs up, and has no former ones.
            password: as it was typed.
            words: what it must not hold (`context_words`).

        Raises:
            Busy: if too many passwords are being hashed.
            StoreUnavailable: if what it is compared with cannot be reached.
        """
        broken, _ = self._without_hashing(pool, password, words)
        if user is not None and not broken and await self._is_former(pool, user, password):
            count = pool.password_policy.history
            broken.append(
                BrokenRule("history", f"must not be one of your last {count} passwords", count)
                if count > 1
                else BrokenRule("history", "must not be the password that you have now", 1)
            )
        return broken

    async def hints(self, pool: Pool, user: User | None, password: str, words: Iterable[str] = ()) -> Judgement:
        """What can be said at once of a password that is being typed, without looking at former ones. Raises
        StoreUnavailable.
        """
        words = tuple(words)
        broken, warnings = self._without_hashing(pool, password, words)
        strength = await self.strength(pool, user, password, words)
        return Judgement(tuple(broken), tuple(warnings), strength)

    async def strength(
        self, pool: Pool, user: User | None, password: str, words: Iterable[str] = ()
    ) -> Strength | None:
        """How hard it is to guess; None without a meter, or while too many are being measured."""
        if self._meter is None:
            return None
        own = own_words(user) if user is not None else ()
        return await self._meter.measure(password[: pool.password_policy.max_length], (*words, *own))

    def _without_hashing(
        self, pool: Pool, password: str, words: Iterable[str]
    ) -> tuple[list[BrokenRule], list[BrokenRule]]:
        """The broken rules, and the warnings."""
        policy = pool.password_policy
        broken = check_password(policy, password, words)
        too_long = len(password) > policy.max_length
        if policy.breached == "off" or too_long or self._breached.find(password) is None:
            return broken, []
        return ([*broken, BREACHED], []) if policy.breached == "refuse" else (broken, [BREACHED])

    async def _is_former(self, pool: Pool, user: User, password: str) -> bool:
        """Whether it is the current password or one of those before, as many in all as the policy's history. One after
        the other: so many at once would keep people from signing in.
        """
        count = pool.password_policy.history
        if not count:
            return False
        current = await self._directory.password(pool.id, user.id)
        former = await self._credentials.former_passwords(pool.id, user.id, count - 1) if count > 1 else []
        for encoded in (*((current.hash,) if current is not None else ()), *former):
            if await self._passwords.matches(encoded, password):
                return True
        return False
