"""Invitations: a temporary password that goes to the person by message, and is replaced at the first sign-in."""

from dataclasses import dataclass, field, replace

from authserver.accounts.directory import Ask, NewUser, Users
from authserver.accounts.invited import InvitedAddresses
from authserver.accounts.links import Links
from authserver.accounts.passwords import check_password, context_words
from authserver.effects import Clock, Random
from authserver.errors import Conflict, Invalid
from authserver.events import Emit, Event
from authserver.messages.kinds import Kind, Message
from authserver.messages.outbox import Outbox
from authserver.model.clients import Client
from authserver.model.credentials import Medium
from authserver.model.pools import PasswordPolicy, Pool
from authserver.model.users import User
from authserver.store import Directory

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Thirty-two that nobody takes for another when copying them: five bits each."""
_SHORTEST = 19
_GROUP = 4


@dataclass(frozen=True, slots=True)
class Invited:
    """Who was invited, by which medium, and until when the temporary password is good (seconds)."""

    user: User
    medium: Medium
    ends_at: int


@dataclass(frozen=True, slots=True)
class Way:
    """How an invitation goes. None takes email before a text message. `client` is where its button leads."""

    medium: Medium | None = None
    client: Client | None = field(default=None)


class Invitations:
    """Invites people."""

    def __init__(
        self,
        directory: Directory,
        users: Users,
        outbox: Outbox,
        links: Links,
        invited: InvitedAddresses,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._directory = directory
        self._users = users
        self._outbox = outbox
        self._links = links
        self._invited = invited
        self._clock = clock
        self._random = random
        self._emit = emit

    async def create(self, pool: Pool, new: NewUser, way: Way, *, ask: Ask | None = None) -> Invited:
        """Create a user and invite the person. Raises Invalid, Conflict, Busy, and what `ask` raises."""
        _refuse_without_password(pool)
        _address(way, new.email, new.phone_number, new.username)
        password, ends_at = self._temporary(pool, new.username, new.email)
        user = await self._users.create(pool, replace(new, password=password, temporary_until=ends_at), ask=ask)
        return await self._send(pool, user, way, password, ends_at)

    async def invite(self, pool: Pool, user: User, way: Way, *, resend: bool = False) -> Invited:
        """Invite somebody who has an account and no password of their own yet.

        Args:
            resend: a temporary password that was given before is replaced by another, good from now on.

        Raises:
            Conflict: the person has a password, or a temporary one and `resend` is not asked for; or the account is
                disabled or another system's.
            Invalid: there is no address, or nobody signs in by password here.
            Busy: too many passwords are being hashed.
        """
        _refuse_without_password(pool)
        _address(way, user.email, user.phone_number, user.username)
        before = await self._directory.password(pool.id, user.id)
        if user.state not in {"confirmed", "must_change"}:
            raise Conflict(f"The user {user.username} is {user.state}, and cannot be invited.")
        if before is not None and user.state != "must_change":
            raise Conflict(f"The user {user.username} has a password already; `user reset` asks for a new one.")
        if before is not None and not resend:
            raise Conflict(f"The user {user.username} has a temporary password already; --resend sends another.")
        password, ends_at = self._temporary(pool, user.username, user.email)
        await self._users.set_password(pool, user, password, temporary_until=ends_at)
        return await self._send(pool, replace(user, state="must_change"), way, password, ends_at)

    def _temporary(self, pool: Pool, username: str, email: str | None) -> tuple[str, int]:
        ends_at = int(self._clock()) + pool.password_policy.temporary_days * 86400
        return temporary_password(pool.password_policy, self._random, context_words(username, email)), ends_at

    async def _send(self, pool: Pool, user: User, way: Way, password: str, ends_at: int) -> Invited:
        medium, address = _address(way, user.email, user.phone_number, user.username)
        client = way.client
        message = Message(
            kind=Kind.INVITATION,
            medium=medium,
            to=address,
            language=user.locale or pool.languages[0],
            user_id=user.id,
            client_id=client.client_id if client is not None else None,
            client_name=client.client_name if client is not None else "",
            username=user.username,
            password=password,
            link=(client.client_uri if client is not None else None) or self._links.page(pool, "account"),
            ends_at=ends_at,
        )
        await self._invited.note(pool, user, medium, address, ends_at - int(self._clock()))
        await self._outbox.send(pool, message)
        self._emit(Event("user.invited", pool.id, user.id, message.client_id, details={"medium": medium}))
        return Invited(user, medium, ends_at)


def temporary_password(policy: PasswordPolicy, random: Random, words: tuple[str, ...] = ()) -> str:
    """A password that is easy to copy and meets every rule of the policy: over 70 bits, in groups of four.

    Args:
        words: what it must not hold (`context_words`).
    """
    length = max(_SHORTEST, policy.min_length)
    while True:
        drawn = [_LETTERS[byte % len(_LETTERS)] for byte in random.bytes(length)]
        drawn = ["-" if at % (_GROUP + 1) == _GROUP else letter for at, letter in enumerate(drawn)]
        drawn[0] = drawn[0].upper() if drawn[0].isalpha() and drawn[0] not in "io" else "K"
        drawn[1] = drawn[1] if drawn[1].isalpha() else "k"
        drawn[-1] = drawn[-1] if drawn[-1].isdigit() else "7"
        text = "".join(drawn)
        if not check_password(policy, text, words):  # by chance it may hold a short name
            return text


def _address(way: Way, email: str | None, phone_number: str | None, username: str) -> tuple[Medium, str]:
    """Where the invitation goes. Raises Invalid."""
    if email is not None and way.medium in {None, "email"}:
        return "email", email
    if phone_number is not None and way.medium in {None, "sms"}:
        return "sms", phone_number
    lacks = {"email": "no email address", "sms": "no phone number", None: "neither an email address nor a phone number"}
    raise Invalid(f"The invitation cannot be sent: {username} has {lacks[way.medium]}.", field="invite")


def _refuse_without_password(pool: Pool) -> None:
    if "password" not in pool.mfa.first_factors:
        raise Invalid("Nobody signs in by password here: create the user without an invitation.", field="invite")
