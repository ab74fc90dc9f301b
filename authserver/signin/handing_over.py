"""What became of a sign-in for an application that speaks SAML, kept until the browser has come for it.

In OAuth the client fetches tokens for a code. Here the browser itself carries the answer on, and it is made where the
browser comes by GET, with its cookies: so what is known by then waits there, once, for as long as a code would.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from authserver.crypto.secrets import digest, same
from authserver.effects import Random
from authserver.model.sessions import Authentication, Session, SignIn
from authserver.signin.factors.summary import is_multi_factor, level
from authserver.store import OneTime

KIND = "hand_over"

WAITS_FOR = 120
"""Seconds: one redirect."""

ANSWER = "answer"
"""The parameter of the address that says which one it is."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """What became of a sign-in.

    Attributes:
        client_id, request: for which application, and to which request of it: the digest of its query.
        browser: the digest of the browser's cookie.
        error: why nobody is signed in, as OAuth says it; None if somebody is, of whom the rest speaks.
        level: of authentication, 1 to 4; `two_factors` is another question, for a passkey alone may be of the third.
    """

    client_id: str
    request: str
    browser: str
    error: str | None = None
    user_id: str = ""
    sid: str = ""
    auth_time: int = 0
    level: int = 0
    two_factors: bool = False
    by_password: bool = False


class HandOvers:
    """Keeps them."""

    def __init__(self, one_time: OneTime, random: Random) -> None:
        self._one_time = one_time
        self._random = random

    async def success(self, issuer: str, sign_in: SignIn, session: Session, authentication: Authentication) -> str:
        """The address, below the issuer, where the browser gets its assertion."""
        proofs = authentication.proofs
        waiting = HandOver(
            client_id=sign_in.request.client_id,
            request=digest(sign_in.request.query),
            browser=sign_in.browser,
            user_id=authentication.user_id,
            sid=session.sid,
            auth_time=authentication.auth_time,
            level=level(proofs),
            two_factors=is_multi_factor(proofs),
            by_password=any(proof.method == "password" for proof in proofs),
        )
        return await self._keep(issuer, sign_in, waiting)

    async def failure(self, issuer: str, sign_in: SignIn, error: str) -> str:
        """The address where the browser gets the refusal."""
        request = sign_in.request
        waiting = HandOver(request.client_id, digest(request.query), sign_in.browser, error)
        return await self._keep(issuer, sign_in, waiting)

    async def _keep(self, issuer: str, sign_in: SignIn, waiting: HandOver) -> str:
        secret = self._random.token(32)
        await self._one_time.put(sign_in.pool, KIND, digest(secret), orjson.dumps(waiting), WAITS_FOR)
        return f"{issuer}{sign_in.request.query}&{ANSWER}={secret}"

    async def find(self, pool: str, secret: str, client_id: str, query: str, browser: str | None) -> HandOver | None:
        """What waits under this secret for this browser, in answer to this request; None if nothing does."""
        stored = await self._one_time.peek(pool, KIND, digest(secret))
        if stored is None or browser is None:
            return None
        with suppress(TypeError):  # of another version
            raw: dict[str, Any] = orjson.loads(stored)
            found = HandOver(**raw)
            ours = same(found.browser, browser) and same(found.request, digest(query))
            return found if ours and found.client_id == client_id else None
        return None

    async def spend(self, pool: str, secret: str) -> bool:
        """Use it up: whether nobody has before."""
        spent = await self._one_time.spend(pool, KIND, digest(secret))
        return spent is not None and not spent.replayed
