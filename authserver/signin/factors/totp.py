"""The authenticator-app factor: codes of RFC 6238, with SHA-1, six digits and 30 seconds, which every app can do."""

import base64
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode

from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import b64url, b64url_decode, same
from authserver.effects import Clock, Random
from authserver.errors import Conflict, Invalid, Unexpected, WrongCode
from authserver.events import Emit, Event
from authserver.model.credentials import Credential, seed_record
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.factors import qr
from authserver.signin.factors.guessing import Guessing
from authserver.signin.factors.names import credential_name
from authserver.signin.factors.summary import MOST_TOTP
from authserver.signin.origin import Origin
from authserver.store import Credentials

PERIOD = 30
DIGITS = 6
SEED_BYTES = 20
"""160 bits, as RFC 4226 4 recommends."""

LIFETIME = 30 * 60
"""Seconds in which a set-up that was begun can be confirmed."""

_STEPS = (-1, 0, 1)
_WRONG_A_DAY = 20
_CHANCES_A_DAY = 100
_MOST_TYPED = 64
_LONGEST_LABEL = 64


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the person sees when setting up an app, and `sealed`: what the caller keeps until it is confirmed."""

    seed_base32: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    qr_svg: str = field(repr=False)
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Pending:
    """An app being set up. `id` becomes the credential's, so that one set-up makes one credential: two of one seed would
    each take the same code.
    """

    id: str
    seed: bytes = field(repr=False)
    begun_at: int


class Totp:
    """Sets up authenticator apps and judges their codes."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        guessing: Guessing,
        sealer: Sealer,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._credentials = credentials
        self._guessing = guessing
        self._sealer = sealer
        self._clock = clock
        self._random = random
        self._emit = emit

    async def begin(self, pool: Pool, user: User, *, account: str | None = None, title: str = "QR code") -> Enrolment:
        """A new seed, in no store yet: the caller keeps `sealed` and gives it back.

        Args:
            account: the name that the app shows beside the pool's; the username unless given.
            title: what screen readers say of the QR code.

        Raises:
            Conflict: the user has as many apps as may be.
        """
        await self._require_room(pool, user)
        pending = _Pending(self._random.token(16), self._random.bytes(SEED_BYTES), int(self._clock()))
        return self._shown(pool, user, pending, self._seal(pool, user, pending), account, title)

    def resume(
        self, pool: Pool, user: User, sealed: str, *, account: str | None = None, title: str = "QR code"
    ) -> Enrolment:
        """The same enrolment once more, to show its page again. Raises Invalid if it expired or is somebody else's."""
        return self._shown(pool, user, self._open(pool, user, sealed), sealed, account, title)

    async def confirm(self, pool: Pool, user: User, sealed: str, code: str, name: str = "") -> Credential:
        """Keep the seed, once the app showed that it has it.

        Raises:
            Invalid: the set-up expired or is somebody else's, or no code is given (field `code`); the name is too long
                (field `name`).
            WrongCode: the code is not right.
            Conflict: it was confirmed before, or the user has as many apps as may be.
        """
        typed = _typed(code)
        pending = self._open(pool, user, sealed)
        label = credential_name(name)
        now = int(self._clock())
        step = next((s for s, right in _codes(pending.seed, now) if same(typed, right)), None)
        if step is None:
            raise WrongCode
        await self._require_room(pool, user)
        credential = Credential(
            id=pending.id,
            pool=pool.id,
            user_id=user.id,
            kind="totp",
            name=label,
            sealed=self._sealer.seal(pending.seed, seed_record(pool.id, user.id, pending.id)),
            counter=step,  # the code just given must not open a sign-in too
            created_at=now,
        )
        await self._credentials.add_credential(pool.id, credential)
        self._emit(Event("factor.enrolled", pool.id, user.id, details={"factor": "totp", "credential": credential.id}))
        return credential

    async def prove(
        self, pool: Pool, user: User, code: str, origin: Origin, *, client_id: str | None = None
    ) -> Credential:
        """The app whose code it is. Each code is taken once (RFC 6238 5.2), one step before and after the present too.

        Raises:
            Invalid: none is given (field `code`).
            WrongCode: it is not right, or was taken before, or has not six digits, which costs no try.
            Throttled, CodeExpired: too many tries (see `Guessing.admit`).
        """
        typed = _typed(code)
        apps = [c for c in await self._credentials.credentials(pool.id, user.id) if c.kind == "totp"]
        # Each app makes three of a million codes right at any time: success by chance stays below 10⁻⁴ a day (S11).
        a_day = min(_WRONG_A_DAY, _CHANCES_A_DAY // (len(_STEPS) * max(1, len(apps))))
        attempt = await self._guessing.admit(pool, "totp", user, origin, client_id=client_id, a_day=a_day)
        now = int(self._clock())
        # Every code of every app is compared, so that the time it takes tells nothing.
        matches = [(app, step) for app in apps for step, right in _codes(self._seed(app), now) if same(typed, right)]
        for app, step in matches:
            if await self._credentials.use_credential(pool.id, app.id, counter=step, now=now):
                await self._guessing.right(attempt)
                return replace(app, counter=step, last_used_at=now)
        reason = "code used before" if matches else "wrong code"
        await self._guessing.wrong(pool, attempt, reason)
        raise WrongCode(detail=reason)

    def _seed(self, app: Credential) -> bytes:
        if app.sealed is None:
            raise Unexpected(detail=f"credential {app.id} has no seed")
        return self._sealer.open(app.sealed, seed_record(app.pool, app.user_id, app.id))

    async def _require_room(self, pool: Pool, user: User) -> None:
        apps = sum(c.kind == "totp" for c in await self._credentials.credentials(pool.id, user.id))
        if apps >= MOST_TOTP:
            raise Conflict(f"There are {MOST_TOTP} authenticator apps already. Remove one first.")

    def _seal(self, pool: Pool, user: User, pending: _Pending) -> str:
        text = json.dumps({"id": pending.id, "seed": b64url(pending.seed), "at": pending.begun_at})
        return b64url(self._sealer.seal(text.encode(), _enrolment_record(pool, user)))

    def _open(self, pool: Pool, user: User, sealed: str) -> _Pending:
        """Only what this installation sealed for this user opens, so what is inside needs no doubt."""
        try:
            opened = json.loads(self._sealer.open(b64url_decode(sealed), _enrolment_record(pool, user)))
        except (ValueError, Unsealable):
            raise Invalid("This set-up cannot go on. Begin again.", field="code", detail="foreign enrolment") from None
        pending = _Pending(opened["id"], b64url_decode(opened["seed"]), opened["at"])
        if self._clock() >= pending.begun_at + LIFETIME:
            raise Invalid("This set-up has expired. Begin again.", field="code", detail="expired enrolment")
        return pending

    @staticmethod
    def _shown(pool: Pool, user: User, pending: _Pending, sealed: str, account: str | None, title: str) -> Enrolment:
        uri = otpauth_uri(pending.seed, issuer=pool.name or pool.id, account=account or user.username)
        return Enrolment(_base32(pending.seed), uri, qr.svg(uri, title), sealed)


def otpauth_uri(seed: bytes, *, issuer: str, account: str) -> str:
    """What apps read from the QR code (the de-facto Key URI format, github.com/google/google-authenticator/wiki).

    A colon would end the issuer, so none may stand in either name; and both are kept short, or the code gets too fine to
    be read from a screen.
    """
    issuer, account = _label(issuer), _label(account)
    query = urlencode(
        {"secret": _base32(seed), "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": PERIOD},
        quote_via=quote,
        safe="",
    )
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(account, safe='')}?{query}"


def _label(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text.replace(":", " "))
    return " ".join(printable.split())[:_LONGEST_LABEL] or "-"


def _base32(seed: bytes) -> str:
    return base64.b32encode(seed).decode().rstrip("=")


def _codes(seed: bytes, now: int) -> Iterator[tuple[int, str]]:
    """The time steps that count as now (RFC 6238 5.2), each with its code."""
    import pyotp

    app = pyotp.TOTP(_base32(seed), digits=DIGITS, interval=PERIOD)
    for offset in _STEPS:
        step = now // PERIOD + offset
        if step >= 0:
            yield step, app.generate_otp(step)


def _typed(code: str) -> str:
    """The six digits of what was typed or pasted: apps show them in groups, phones may send full-width ones."""
    folded = unicodedata.normalize("NFKC", code[:_MOST_TYPED])
    digits = "".join(c for c in folded if not c.isspace() and unicodedata.category(c) not in {"Cf", "Pd"})
    if not digits:
        raise Invalid("Enter the six digits that the app shows.", field="code")
    if len(code) > _MOST_TYPED or len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise WrongCode(detail="not six digits")
    return digits


def _enrolment_record(pool: Pool, user: User) -> str:
    return f"enrolments/{pool.id}/{user.id}/totp"
