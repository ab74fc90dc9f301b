"""The directories of all pools, asked in one conversation each time: bind, search, bind as whom was found."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from authserver.accounts.ldap_people import Entry, Outcome
from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import b64url_decode
from authserver.effects import Clock, HttpForbidden, HttpUnreachable
from authserver.errors import Refusal, TriggerFailed
from authserver.model.ldap import LdapPolicy, ldap_record
from authserver.model.pools import Pool
from authserver.model.users import fold
from authserver.outbound.streams import Streams
from authserver.outbound.trust import system_trust
from authserver.rules.ldap import server_of
from authserver.rules.ldap_filter import DN, MISSING_EXTRA, USERNAME, compared, filled, parsed
from authserver.triggers.breaker import Breaker, NotAnswered

if TYPE_CHECKING:
    from authserver.adapters.ldap.session import Found, Result, Session

R = TypeVar("R")

MOST_GROUPS = 200
"""Of a person; what comes after is not looked at."""

_SUCCESS, _SIZE_LIMIT_EXCEEDED = 0, 4
_NO = frozenset({19, 32, 48, 49, 50, 53})
"""Codes by which a directory turns somebody away who binds (RFC 4511 appendix A): constraint violation (a locked account),
no such object, inappropriate authentication, invalid credentials, insufficient access rights, unwilling to perform. Any
other says that it cannot tell.
"""
_NOBODY = "cn=9f1c3c52-nobody-has-this-name"
"""As whom to bind where no entry was found, under the pool's base: so that it takes as many questions as where one was."""
_TO_CONNECT = 0.6
"""The share of the time in which there must be a connection."""
_MOST_CONTEXTS = 100


class LdapDirectories:
    """Satisfies `accounts.ldap_people.Ldap`; one a process, since it knows which directories are dead.

    It runs in the event loop, without threads: a directory that does not answer holds up those who wait for it, 24 at
    most at a time, and nobody else.
    """

    def __init__(self, streams: Streams, sealer: Sealer, clock: Clock) -> None:
        self._streams = streams
        self._sealer = sealer
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def prove(self, pool: Pool, username: str, password: str) -> Entry | Outcome:
        """The entry of this name, if the directory takes the password for it. Raises TriggerFailed."""
        if not password or "\0" in password or len(password) > pool.password_policy.max_length:
            # An empty one would prove nothing (RFC 4513 5.1.2), and some directories read no further than a NUL.
            return "refused"

        async def ask(at: "_Conversation") -> Entry | Outcome:
            await at.be_ourselves()
            found = await at.person(username)
            if isinstance(found, str):
                await at.is_taken(f"{_NOBODY},{at.policy.base_dn}", password)
                return found
            if not await at.is_taken(found.dn, password):
                return "refused"
            if at.policy.groups.filter:
                await at.be_ourselves()
            return await at.entry(found, username)

        return await self._asked(pool, ask)

    async def find(self, pool: Pool, username: str) -> Entry | Outcome:
        """The entry of this name. Raises TriggerFailed."""

        async def ask(at: "_Conversation") -> Entry | Outcome:
            await at.be_ourselves()
            found = await at.person(username)
            return found if isinstance(found, str) else await at.entry(found, username)

        return await self._asked(pool, ask)

    async def examine(self, policy: LdapPolicy, password: str) -> None:
        """Connect, bind, and look at the bases that the policy names. Raises TriggerFailed with what does not work."""

        async def ask(at: "_Conversation") -> None:
            await at.be_ourselves()
            await at.look_at(policy.base_dn)
            if policy.groups.base_dn:
                await at.look_at(policy.groups.base_dn)

        await self._conversed(policy, password, ask)

    def close(self) -> None:
        """Let go of the resolver's threads."""
        self._streams.close()

    async def _asked(self, pool: Pool, ask: Callable[["_Conversation"], Awaitable[R]]) -> R:
        policy = pool.ldap
        password = ""
        if policy.bind_dn:
            if policy.sealed_password is None:
                raise TriggerFailed(detail="the directory has no password for bind_dn")
            try:
                opened = self._sealer.open(b64url_decode(policy.sealed_password), ldap_record(pool.id))
            except Refusal as refusal:
                raise TriggerFailed(detail=refusal.detail or refusal.sentence) from None
            password = opened.decode()
        return await self._conversed(policy, password, ask)

    async def _conversed(self, policy: LdapPolicy, password: str, ask: Callable[["_Conversation"], Awaitable[R]]) -> R:
        breaker = self._breakers.setdefault(policy.url, Breaker(self._clock))
        try:
            async with asyncio.timeout(policy.timeout), breaker.admitted():
                try:
                    async with self._session(policy) as session:
                        answer = await ask(_Conversation(session, policy, password))
                except NotAnswered:
                    raise
                except Exception:
                    breaker.answered()
                    raise
                breaker.answered()
                return answer
        except NotAnswered as failure:
            breaker.unanswered()
            raise TriggerFailed(detail=str(failure)) from None
        except TimeoutError:
            breaker.unanswered()
            raise TriggerFailed(detail=f"{policy.url} did not answer within {policy.timeout:g} s") from None

    @asynccontextmanager
    async def _session(self, policy: LdapPolicy) -> "AsyncIterator[Session]":
        try:
            from authserver.adapters.ldap.session import Session
        except ImportError:
            raise TriggerFailed(detail=MISSING_EXTRA) from None
        server = server_of(policy.url)
        # What is encrypted may go to public addresses; what is not, to allowed ones alone.
        scheme = "ldaps" if policy.encrypted else "ldap"
        try:
            stream = await self._streams.connect(scheme, server.host, server.port, policy.timeout * _TO_CONNECT)
        except HttpForbidden as failure:
            raise TriggerFailed(detail=str(failure)) from None
        except HttpUnreachable as failure:
            raise NotAnswered(str(failure)) from None
        session = Session(stream)
        try:
            if server.scheme == "ldaps":
                await session.encrypt(self._context(policy), server.host)
            elif policy.start_tls:
                await session.start_tls(self._context(policy), server.host)
            yield session
        except BaseException:
            await session.hang_up()
            raise
        await session.close()

    def _context(self, policy: LdapPolicy) -> ssl.SSLContext:
        context = self._contexts.get(policy.ca)
        if context is None:
            if len(self._contexts) >= _MOST_CONTEXTS:
                self._contexts.clear()
            context = ssl.create_default_context(cadata=policy.ca) if policy.ca else system_trust()
            self._contexts[policy.ca] = context
        return context


class _Conversation:
    """What is asked over one connection."""

    def __init__(self, session: "Session", policy: LdapPolicy, password: str) -> None:
        self._session = session
        self.policy = policy
        self._password = password

    async def be_ourselves(self) -> None:
        """Bind as the pool's own account. Raises TriggerFailed if the directory does not take it."""
        result = await self._session.bind(self.policy.bind_dn, self._password)
        if result.code != _SUCCESS:
            whom = self.policy.bind_dn or "nobody (anonymously)"
            raise TriggerFailed(detail=f"the directory does not let us bind as {whom}: {_said(result)}")

    async def person(self, username: str) -> "Found | Outcome":
        """The one entry that has this name. Raises TriggerFailed if the directory does not search.

        What a directory takes for equal is wider than what we do: its rules drop spaces and marks. Only an entry that has
        the very name is meant, or else one person would have any number of names to guess a password by.
        """
        policy = self.policy
        template = parsed(policy.filter)
        meant = compared(template, username)
        wanted = [*policy.attribute_mapping.values(), *(attribute for attribute, _ in meant)]
        if policy.groups.source:
            wanted.append(policy.groups.source)
        found, result = await self._search(
            policy.base_dn, filled(template, {USERNAME: username}), list(dict.fromkeys(wanted)), 2
        )
        if len(found) > 1 or result.code == _SIZE_LIMIT_EXCEEDED:
            return "ambiguous"
        if not found or not found[0].dn:
            return "unknown"
        own = {fold(text) for values in found[0].values.values() for text in _texts(values)}
        return found[0] if any(fold(value) in own for _, value in meant) else "unknown"

    async def is_taken(self, dn: str, password: str) -> bool:
        """Whether the directory lets this entry in by this password. Raises TriggerFailed if it cannot tell."""
        result = await self._session.bind(dn, password)
        if result.code == _SUCCESS:
            return True
        if result.code in _NO:
            return False
        raise TriggerFailed(detail=f"the directory cannot judge a password: {_said(result)}")

    async def entry(self, found: "Found", username: str) -> Entry:
        """The entry with its groups."""
        policy = self.policy
        groups: Sequence[str] = ()
        if policy.groups.source:
            groups = _texts(found.values.get(policy.groups.source.lower(), ()))
        elif policy.groups.filter:
            filter_ = filled(parsed(policy.groups.filter), {DN: found.dn, USERNAME: username})
            others, _ = await self._search(policy.groups.base_dn, filter_, [], MOST_GROUPS)
            groups = [other.dn for other in others]
        values = {name: tuple(_texts(values)) for name, values in found.values.items()}
        return Entry(found.dn, values, tuple(groups[:MOST_GROUPS]))

    async def look_at(self, base_dn: str) -> None:
        """Raises TriggerFailed if the base is not there, or not for us."""
        found, result = await self._session.search(
            base_dn, None, [], most=1, seconds=self.policy.timeout, base_only=True
        )
        if not found:
            raise TriggerFailed(detail=f"the directory shows us no {base_dn}: {_said(result)}")

    async def _search(
        self, base_dn: str, filter_: object, attributes: list[str], most: int
    ) -> "tuple[list[Found], Result]":
        found, result = await self._session.search(
            base_dn,
            filter_,  # type: ignore[arg-type]  # a filter of sansldap, which is imported where it is needed
            attributes,
            most=most,
            seconds=self.policy.timeout,
        )
        if result.code not in {_SUCCESS, _SIZE_LIMIT_EXCEEDED}:
            raise TriggerFailed(detail=f"the directory does not search {base_dn}: {_said(result)}")
        return found, result


def _texts(values: Sequence[bytes]) -> list[str]:
    """Those that are text."""
    texts = []
    for value in values:
        try:
            texts.append(value.decode())
        except UnicodeDecodeError:
            continue
    return texts


def _said(result: "Result") -> str:
    return f"{result.words} ({result.code})"
