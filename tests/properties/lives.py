"""What ought to become of sessions, codes, grants and tokens: a model that shares nothing with the server but its rules
(DESIGN 3 and 5). Times are whole seconds.
"""

from dataclasses import dataclass, field
from typing import Literal

CODE_LIVES = 60
CODE_REMEMBERED = 660
ACCESS_LIVES = 900
LONG_ACCESS_LIVES = 24 * 3600
REFRESH_LIVES = 3 * 24 * 3600
REFRESH_IDLE = 24 * 3600
GRACE = 10
SESSION_IDLE = 8 * 3600
SESSION_LIVES = 24 * 3600
SESSION_SEEN_EVERY = 60


@dataclass(eq=False)
class Person:
    id: str
    enabled: bool = True


@dataclass(eq=False)
class Session:
    """`sid` outlives one cookie: the same person proving themselves again keeps it."""

    secret: str
    sid: str
    person: Person
    created: int
    seen: int
    ended: bool = False


@dataclass(eq=False)
class Grant:
    client: str
    person: Person
    sid: str
    offline: bool
    revoked: bool = False


@dataclass(eq=False)
class Code:
    text: str
    grant: Grant
    issued: int
    spent: bool = False


@dataclass(eq=False)
class Family:
    """`chain` holds every refresh token of it, the newest last."""

    grant: Grant
    chain: list[str]
    rotated: int
    ends: int
    forgotten: bool = False


@dataclass(eq=False)
class Access:
    text: str
    grant: Grant
    offline: bool
    issued: int
    ends: int
    revoked: bool = False


@dataclass(eq=False)
class Tokens:
    """One token response."""

    access: Access
    family: Family | None


Refreshed = Literal["rotated", "again", "reused", "refused"]


@dataclass
class World:
    """Everything there is, and what may be expected of it."""

    now: int
    grants: list[Grant] = field(default_factory=list)
    families: list[Family] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    signed_out: set[str] = field(default_factory=set)

    def open_session(self, person: Person, secret: str, sid: str, replaces: Session | None) -> Session:
        if replaces is not None and replaces.person is person:
            replaces.ended = True
        elif replaces is not None:
            self.sign_out(replaces)
        session = Session(secret, sid, person, self.now, self.now)
        self.sessions.append(session)
        return session

    def visit(self, session: Session) -> bool:
        """A request with the session's cookie: whether it counts."""
        idle, age = self.now - session.seen, self.now - session.created
        if session.ended or idle >= SESSION_IDLE or age >= SESSION_LIVES:
            return False
        if idle >= SESSION_SEEN_EVERY:
            session.seen = self.now
        return True

    def sign_out(self, session: Session) -> None:
        session.ended = True
        self.signed_out.add(session.sid)
        for grant in self.grants:
            if grant.sid == session.sid and not grant.offline:
                grant.revoked = True

    def disable(self, person: Person) -> None:
        person.enabled = False
        for session in self.sessions:
            if session.person is person and self.lives(session):
                self.sign_out(session)
        for grant in self.grants:
            if grant.person is person:
                grant.revoked = True

    def lives(self, session: Session) -> bool:
        return (
            not session.ended and self.now - session.seen < SESSION_IDLE and self.now - session.created < SESSION_LIVES
        )

    def tidy_up(self) -> None:
        """What has expired is forgotten: nobody can tell whose it was."""
        for family in self.families:
            family.forgotten = family.forgotten or self.now >= family.ends

    def redeem(self, code: Code, client: str, *, proven: bool) -> bool:
        """Whether tokens come of it. `proven`: verifier and redirect URI are the right ones."""
        ours = client == code.grant.client
        if code.spent:
            if ours and self.now - code.issued < CODE_REMEMBERED:
                code.grant.revoked = True
            return False
        if not (ours and proven and self.now - code.issued < CODE_LIVES and code.grant.person.enabled):
            return False
        if code.grant.revoked:
            return False
        code.spent = True
        return True

    def refresh(self, family: Family, position: int, client: str) -> Refreshed:
        """`position` in the chain. The caller adds the successor of a rotation."""
        grant, last = family.grant, len(family.chain) - 1
        if client != grant.client or grant.revoked:
            return "refused"
        if self.now >= family.ends or self.now - family.rotated >= REFRESH_IDLE:
            return "refused"
        if position == last:
            return "rotated" if grant.person.enabled else "refused"
        if position == last - 1 and self.now - family.rotated < GRACE:
            return "again"
        grant.revoked = True
        return "reused"

    def works(self, access: Access) -> bool | None:
        """Whether the access token opens UserInfo; None if nothing says so.

        A token of an offline grant that was narrowed to leave `offline_access` out is refused once the session is
        signed out, for as long as that is remembered.
        """
        over = access.grant.sid in self.signed_out and not access.offline
        if over and access.grant.offline and not access.grant.revoked:
            return None
        dead = access.revoked or access.grant.revoked or over
        return not dead and self.now < access.ends and access.grant.person.enabled
