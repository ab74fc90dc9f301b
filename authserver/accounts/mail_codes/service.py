"""Sends codes and judges them.

One challenge is one object in the one-time store, so its code and its link are spent by the same atomic call: whichever
comes first is the only one. A request about somebody who does not exist takes the same steps at the same cost, up to a
message that is dropped at the door.
"""

from collections.abc import Awaitable, Callable

from authserver.accounts.mail_codes.challenge import (
    code_tag,
    from_stored,
    link_matches,
    link_token,
    new_code,
    pretended_target,
    split_token,
    to_stored,
    typed_code,
)
from authserver.accounts.mail_codes.limits import TRIES, CodeLimits, account_key
from authserver.accounts.mail_codes.uses import USES, lifetime
from authserver.crypto.secrets import derive, digest, same
from authserver.effects import Clock, Random
from authserver.errors import CodeExpired, Conflict, Invalid, Refusal, Throttled, WrongCode
from authserver.events import Emit, Event
from authserver.messages.kinds import Message
from authserver.messages.outbox import Outbox
from authserver.model.credentials import CodePurpose, Medium, SentCode
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.store import Counters, OneTime

CODE = "mail-code"
CURRENT = "mail-code-current"

_LONGEST_NAME = 320


class MailCodes:
    """Codes by mail and text message.

    Args:
        one_time: keeps the challenges.
        counters: the limits.
        outbox: takes the messages.
        clock: seconds.
        random: makes codes, handles and links.
        master: the master key, from which the key of the stored tags is derived.
        emit: told of `code.sent`, `code.withheld` (there is nobody), `code.wrong` and `code.throttled`.
    """

    def __init__(
        self,
        one_time: OneTime,
        counters: Counters,
        outbox: Outbox,
        clock: Clock,
        random: Random,
        master: bytes,
        emit: Emit,
    ) -> None:
        self._one_time = one_time
        self._limits = CodeLimits(counters, clock)
        self._outbox = outbox
        self._clock = clock
        self._random = random
        self._key = derive(master, "sent codes")
        self._emit = emit

    async def send(
        self,
        pool: Pool,
        *,
        purpose: CodePurpose,
        user: User | None,
        medium: Medium,
        target: str | None,
        binding: str,
        language: str,
        client_name: str = "",
        link: Callable[[str], str] | None = None,
        value: str | None = None,
        instead: Message | None = None,
        client_id: str | None = None,
        address: str | None = None,
        device: str | None = None,
        typed: str = "",
    ) -> SentCode:
        """Send a code; the one before of the same purpose, binding and user is worth nothing from now on.

        Args:
            pool: the pool.
            purpose: what the code is to prove.
            user: who gets it; None if there is nobody, which looks and takes the same.
            medium: "email" or "sms".
            target: the address or number; None for the user's own. Where there is nobody, what was typed as a name: the
                same name is shown the same address, and counted together.
            binding: the sign-in or session that asks.
            language: that the person reads.
            client_name: of the client whose sign-in it is.
            link: makes the address of the page behind the link from its token; None for a code alone. Nothing happens
                by opening a link: the page shows a button.
            value: what a change waits with, kept in the challenge.
            instead: what to send, where there is nobody for a code, to the owner of the address: that there is an
                account already, for one.
            client_id: for the events.
            address: the IP address that asks, for the events.
            device: the browser that asks, if it signed the user in before: others use up no limit of it.
            typed: the name that the person asks with, if it was just typed: another one needs no pause.

        Raises:
            Throttled: asked for too soon or too often; nothing was sent and the code before still counts.
            StoreUnavailable: a store does not answer.
        """
        use, now = USES[purpose], int(self._clock())
        if link is not None and not use.linked:
            raise ValueError(f"no link goes with {purpose}")
        own = (user.email if medium == "email" else user.phone_number) if user is not None else None
        asked = target or own or (user.username if user is not None else None)
        if not asked:
            # Otherwise what is shown, and what is counted, would be another for each request, as for no real user.
            raise ValueError("where there is nobody, the target is the name that was typed")
        if user is not None and not (target or own):
            user = None  # nowhere to send it to
        pretended = pretended_target(self._key, pool.id, asked[:_LONGEST_NAME], medium)  # for its time, in any case
        shown = asked if user is not None else pretended
        user_id = user.id if user is not None else None
        try:
            await self._limits.admit_sending(pool.id, purpose, medium, user_id, asked, binding, device, typed)
        except Throttled:
            self._tell("code.throttled", pool, user_id, client_id, address, purpose=purpose, medium=medium)
            raise

        code, handle, secret = new_code(self._random), self._random.token(16), self._random.token(32)
        ends_at = now + lifetime(purpose, medium)
        sent = SentCode(
            handle=handle,
            pool=pool.id,
            purpose=purpose,
            medium=medium,
            target=shown,
            user_id=user_id,
            binding=binding,
            tag=code_tag(self._key, pool.id, handle, purpose, code),
            link=digest(secret) if link is not None and medium == "email" else None,
            value=value,
            sent_at=now,
            expires_at=ends_at,
            account=account_key(purpose, user_id, asked, device),
        )
        await self._one_time.put(pool.id, CODE, digest(handle), to_stored(sent), ends_at - now)
        await self._supersede(pool, sent)
        message = instead if user is None and instead is not None else None
        if message is None:
            message = Message(
                kind=use.kind,
                medium=medium,
                to=shown if _fits_a_line(shown) else "nobody",
                language=language,
                user_id=user_id,
                client_id=client_id,
                client_name=client_name,
                username=user.username if user is not None else "",
                code=code,
                link=link(link_token(handle, secret)) if sent.link is not None and link is not None else None,
                ends_at=ends_at,
            )
        await self._outbox.send(pool, message, pretended=user is None and instead is None)
        kind = "code.sent" if user_id is not None else "code.withheld"
        self._tell(kind, pool, user_id, client_id, address, purpose=purpose, medium=medium)
        return sent

    async def verify(
        self,
        pool: Pool,
        handle: str,
        code: str,
        *,
        purpose: CodePurpose,
        binding: str,
        user_id: str | None,
        agreed: Callable[[], Awaitable[None]] | None = None,
    ) -> SentCode:
        """Spend the challenge with its code, and return what was proven.

        Args:
            pool: the pool.
            handle: of the challenge.
            code: as the person typed it.
            purpose: what it is to prove.
            binding: the sign-in or session in which it was asked for.
            user_id: whose it must be. None belongs to nobody and never matches, but for `sign_in`: there the code says
                who the person is, and the answer's `user_id` is it.
            agreed: asked once the code is known to be right, and before it is spent; what it raises passes through, and
                the code can be given again.

        Raises:
            Invalid: it is not six digits; no try is counted.
            WrongCode: it is not the code, or not of this purpose, binding and user; `tries_left` says how many more.
            CodeExpired: the challenge is over, used, or was tried too often.
            Throttled: the account had all its wrong codes for a day.
            StoreUnavailable: a store does not answer.
        """
        digits = typed_code(code)
        if digits is None:
            raise Invalid("Enter the 6 digits of the code.", field="code")
        sent = await self._challenge(pool, handle)
        try:
            left = await self._limits.admit_try(pool.id, sent)
        except Throttled:
            self._tell("code.throttled", pool, sent.user_id, None, None, purpose=purpose, medium=sent.medium)
            raise
        # One answer for all that is wrong: which it was may tell whether there is such a user.
        right = same(sent.tag, code_tag(self._key, pool.id, handle, purpose, digits))
        whose = sent.user_id is not None and (sent.user_id == user_id or (user_id is None and purpose == "sign_in"))
        if not (right and whose and sent.purpose == purpose and sent.binding == binding):
            self._tell(
                "code.wrong", pool, sent.user_id, None, None, purpose=purpose, medium=sent.medium, tries=TRIES - left
            )
            raise WrongCode(left)
        await self._limits.was_right(pool.id, sent)
        if agreed is not None:
            try:
                await agreed()
            except Refusal:
                await self._limits.was_kept(pool.id, sent)
                raise
        await self._spend(pool, sent)
        return sent

    async def peek(self, pool: Pool, handle: str) -> SentCode | None:
        """The challenge, for the page that waits for its code; None if it is over. Changes nothing."""
        return await self._live(pool, handle)

    async def peek_link(self, pool: Pool, token: str) -> SentCode | None:
        """What a link stands for, if it still does. Changes nothing: whoever scans mails opens links first."""
        parts = split_token(token)
        if parts is None:
            return None
        sent = await self._live(pool, parts[0])
        return sent if sent is not None and link_matches(sent, parts[1]) else None

    async def spend_link(self, pool: Pool, token: str, *, purpose: CodePurpose) -> SentCode:
        """Spend the challenge with its link, and return what was proven. A link is not bound to the browser that asked
        for it: people read mail elsewhere.

        Raises:
            CodeExpired: it is over, used, or of another purpose.
            StoreUnavailable: a store does not answer.
        """
        parts = split_token(token)
        if parts is None:
            raise CodeExpired(detail="not a link of ours")
        sent = await self._challenge(pool, parts[0])
        if sent.purpose != purpose or not link_matches(sent, parts[1]):
            raise CodeExpired(detail="a link of another purpose or challenge")
        await self._spend(pool, sent)
        return sent

    async def _live(self, pool: Pool, handle: str) -> SentCode | None:
        sent = from_stored(await self._one_time.peek(pool.id, CODE, digest(handle)))
        return sent if sent is not None and sent.expires_at > self._clock() else None

    async def _challenge(self, pool: Pool, handle: str) -> SentCode:
        sent = await self._live(pool, handle)
        if sent is not None:
            return sent
        # What cannot be peeked at is spent or gone: spending it again tells which, and changes nothing.
        spent = await self._one_time.spend(pool.id, CODE, digest(handle))
        raise CodeExpired("used" if spent is not None and spent.replayed else "expired")

    async def _spend(self, pool: Pool, sent: SentCode) -> None:
        spent = await self._one_time.spend(pool.id, CODE, digest(sent.handle))
        if spent is None or spent.replayed:
            raise CodeExpired("used", detail="another request was first")

    async def _supersede(self, pool: Pool, sent: SentCode) -> None:
        """End the challenge before this one, of the same purpose, binding and user.

        Where the newest one is is written down for each stretch of time as long as a code may live. A code that lives
        was sent in this stretch or the one before; an entry kept for two stretches outlasts every code it names.
        """
        life = USES[sent.purpose].life
        name = digest("\0".join((sent.purpose, sent.binding, sent.user_id or "-")))
        stretch = sent.sent_at // life
        mine = digest(sent.handle).encode()
        before = [await self._one_time.peek(pool.id, CURRENT, f"{name}.{stretch - 1}")]
        here = f"{name}.{stretch}"
        try:
            await self._one_time.put(pool.id, CURRENT, here, mine, 2 * life)
        except Conflict:
            for _ in range(10):  # two that are sent at once, of which the pause between two codes allows none
                last = await self._one_time.peek(pool.id, CURRENT, here)
                if last is None or await self._one_time.swap(pool.id, CURRENT, here, last, mine):
                    before.append(last)
                    break
        for old in before:
            if old is not None and old != mine:
                await self._one_time.spend(pool.id, CODE, old.decode())

    def _tell(
        self,
        kind: str,
        pool: Pool,
        user_id: str | None,
        client_id: str | None,
        address: str | None,
        **details: object,
    ) -> None:
        self._emit(Event(kind, pool.id, user_id, client_id, address, details))


def _fits_a_line(target: str) -> bool:
    return target.isprintable() and " " not in target and bool(target)
