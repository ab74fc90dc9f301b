"""How often codes are sent, and how often they may be tried (security reference S11).

Everything is counted before it is judged, so that parallel requests cannot slip through.

Sending and wrong codes are counted in lanes: codes that anybody may ask for in somebody's name (sign-up, recovery, a
first factor), codes that only a person who proved something already gets (a second factor, a change of address), and each
of both apart for a browser that signed the account in before. Otherwise a stranger who asks for recoveries would keep the
owner from the second factor, and from the recovery itself (security reference W11).
"""

import asyncio
from typing import Final

from authserver.crypto.secrets import digest
from authserver.effects import Clock
from authserver.errors import CodeExpired, Throttled
from authserver.model.credentials import CodePurpose, Medium, SentCode
from authserver.model.users import fold
from authserver.store import Counters

RESEND_AFTER: Final = 30
"""Seconds before another code may be asked for in the same sign-in or session for the same purpose, to go the same way."""

PER_BINDING: Final = 10
"""Codes an hour in one sign-in or session for one purpose, whoever is named."""

PER_HOUR: Final = 5
PER_DAY: Final = 20

TRIES: Final = 5
"""Tries at one challenge."""

WRONG_PER_DAY: Final = 20
"""Wrong codes an account takes in a day in one lane, over all purposes."""

_HOUR, _DAY = 3600, 86400
_TO_A_NEW_ADDRESS: Final[frozenset[CodePurpose]] = frozenset({"confirm", "change_email", "change_phone_number"})
_BY_ANYBODY: Final[frozenset[CodePurpose]] = frozenset({"confirm", "recover", "sign_in"})


def account_key(purpose: CodePurpose, user_id: str | None, target: str, device: str | None = None) -> str:
    """What is counted by: the lane, and the user or, where there is none, the name that was typed.

    A new account counts by its address: each registration makes another, and how many wrong codes are taken must not
    tell whether the address was somebody's.
    """
    lane = "open" if purpose in _BY_ANYBODY else "proven"
    unknown = f"unknown {digest(fold(target))}"  # made in any case, so that it takes no time of its own
    return f"{lane} {device or ''} {user_id if user_id is not None and purpose != 'confirm' else unknown}"


def keys_of_account(user_id: str, device: str | None = None) -> tuple[str, ...]:
    """Everything that is counted against an account, for codes asked for with this browser or with any unknown one."""
    lanes = (account_key("recover", user_id, "", device), account_key("factor", user_id, "", device))
    return tuple(
        f"{limit} {lane}" for lane in lanes for limit in ("codes hour account", "codes day account", "wrong codes")
    )


class CodeLimits:
    """The limits over shared counters."""

    def __init__(self, counters: Counters, clock: Clock) -> None:
        self._counters = counters
        self._clock = clock

    async def admit_sending(
        self,
        pool: str,
        purpose: CodePurpose,
        medium: Medium,
        user_id: str | None,
        target: str,
        binding: str,
        device: str | None = None,
        typed: str = "",
    ) -> None:
        """Count a code to be sent. Raises Throttled, with nothing counted.

        Args:
            device: the browser that asks, if it signed the user in before.
            typed: the name that the person asks with.
        """
        account, address = account_key(purpose, user_id, target, device), account_key(purpose, None, target, device)
        # An address or a name that is corrected, or the next one to be confirmed, needs no pause. Where people are only
        # named the target may not count: where there is nobody it is the name, whichever way the code is said to go.
        again = f"{purpose} {medium} {fold(target if purpose in _TO_A_NEW_ADDRESS else typed)} {binding}"
        windows = (
            (f"code again {digest(again)}", 1, RESEND_AFTER),
            # Else one sign-in could go through a list of names without a pause.
            (f"codes hour binding {digest(f'{purpose} {binding}')}", PER_BINDING, _HOUR),
            (f"codes hour account {account}", PER_HOUR, _HOUR),
            (f"codes day account {account}", PER_DAY, _DAY),
            (f"codes hour target {address}", PER_HOUR, _HOUR),
            (f"codes day target {address}", PER_DAY, _DAY),
        )
        now = self._clock()
        admissions = await asyncio.gather(
            *(self._counters.admit_within(pool, key, now=now, limit=n, window=w) for key, n, w in windows)
        )
        refused = [admission.retry_after for admission in admissions if not admission.allowed]
        if refused:
            counted = [w[0] for w, admission in zip(windows, admissions, strict=True) if admission.allowed]
            await asyncio.gather(*(self._counters.give_back(pool, key) for key in counted))
            raise Throttled(max(refused), "Too many codes were asked for.", detail=f"codes for {purpose}")

    async def admit_try(self, pool: str, sent: SentCode) -> int:
        """Count a try at a challenge; returns how many are left after it.

        Raises CodeExpired if this challenge had all its tries, Throttled if the account had its wrong codes for the
        day; then nothing was tried, and nothing is counted.
        """
        now = self._clock()
        mine = f"code tries {digest(sent.handle)}"
        life = max(1, sent.expires_at - sent.sent_at)
        challenge = await self._counters.admit_within(pool, mine, now=now, limit=TRIES, window=life)
        if not challenge.allowed:
            raise CodeExpired("too_many")
        day = await self._counters.admit_within(pool, self._wrong(sent), now=now, limit=WRONG_PER_DAY, window=_DAY)
        if not day.allowed:
            await self._counters.give_back(pool, mine)
            raise Throttled(day.retry_after, "Too many wrong codes.", detail="wrong codes in a day")
        return TRIES - challenge.count

    async def was_right(self, pool: str, sent: SentCode) -> None:
        """Only wrong codes count by the day."""
        await self._counters.give_back(pool, self._wrong(sent))

    async def was_kept(self, pool: str, sent: SentCode) -> None:
        """It was right, and is not spent yet: it cost no try."""
        await self._counters.give_back(pool, f"code tries {digest(sent.handle)}")

    @staticmethod
    def _wrong(sent: SentCode) -> str:
        return f"wrong codes {sent.account}"
