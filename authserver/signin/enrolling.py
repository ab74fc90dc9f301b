"""Setting up a factor: begun, shown as often as its page is, and finished with a proof that it works.

The same for a sign-in that demands a factor and for the account page. What is under way is a short text that the caller
keeps: a sealed seed, a challenge, or the handle of a sent code.
"""

from dataclasses import dataclass

from authserver.accounts.mail_codes import MailCodes
from authserver.accounts.notices import Notices
from authserver.effects import Clock, Random
from authserver.errors import Invalid
from authserver.events import Emit, Event
from authserver.model.credentials import Credential, SentCode
from authserver.model.pools import FactorKind, Pool
from authserver.model.sessions import Proof
from authserver.model.users import User
from authserver.signin.factors.backup_codes import BackupCodes
from authserver.signin.factors.passkey import Passkeys
from authserver.signin.factors.totp import Enrolment, Totp
from authserver.store import Credentials

ENROLLABLE: tuple[FactorKind, ...] = ("passkey", "totp", "email_code", "sms_code")
_MEDIA = {"email_code": "email", "sms_code": "sms"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of a set-up needs: one of the three."""

    totp: Enrolment | None = None
    passkey_options: str | None = None
    sent: SentCode | None = None


class Enrolling:
    """Sets factors up."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        codes: MailCodes,
        totp: Totp,
        passkeys: Passkeys,
        backup_codes: BackupCodes,
        notices: Notices,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._credentials = credentials
        self._codes = codes
        self._totp = totp
        self._passkeys = passkeys
        self._backup_codes = backup_codes
        self._notices = notices
        self._clock = clock
        self._random = random
        self._emit = emit

    async def begin(
        self, pool: Pool, user: User, kind: str, *, binding: str, language: str, client_name: str = ""
    ) -> str:
        """Begin to set up a factor of this kind; returns what the caller keeps. Raises Invalid, Conflict, Throttled."""
        if kind not in ENROLLABLE:
            raise Invalid("Choose one of the factors.", field="method")
        if kind == "totp":
            return (await self._totp.begin(pool, user)).sealed
        if kind == "passkey":
            return (await self._passkeys.begin_registration(pool, user)).challenge
        sent = await self._codes.send(
            pool,
            purpose="factor",
            user=user,
            medium="email" if kind == "email_code" else "sms",
            target=_target(user, kind),
            binding=binding,
            language=language,
            client_name=client_name,
        )
        return sent.handle

    async def shown(self, pool: Pool, user: User, kind: str, state: str, *, title: str = "QR code") -> Shown:
        """What to show of the set-up. Raises Invalid if it expired."""
        if kind == "totp":
            return Shown(totp=self._totp.resume(pool, user, state, title=title))
        if kind == "passkey":
            ceremony = await self._passkeys.begin_registration(pool, user, challenge=state)
            return Shown(passkey_options=ceremony.options)
        return Shown(sent=await self._codes.peek(pool, state))

    async def finish(
        self, pool: Pool, user: User, kind: str, state: str, answer: str, name: str, *, binding: str
    ) -> Proof:
        """The person showed that the factor works: keep it, and tell the owner. Returns what was proven by it.

        Raises Invalid, Conflict, WrongCode, CodeExpired, Throttled.
        """
        now = int(self._clock())
        if kind == "totp":
            await self._totp.confirm(pool, user, state, answer, name)
            proof, factor = Proof("totp", now), "totp"
        elif kind == "passkey":
            credential = await self._passkeys.finish_registration(pool, user, state, answer, name)
            proof, factor = (
                Proof(
                    "passkey",
                    now,
                    verified=bool(credential.public.get("user_verified")),
                    device_bound=not credential.public.get("backup_eligible"),
                ),
                "passkey",
            )
        else:
            await self._codes.verify(pool, state, answer, purpose="factor", binding=binding, user_id=user.id)
            await self._add_code_factor(pool, user, kind, now)
            proof, factor = Proof("email_code" if kind == "email_code" else "sms_code", now), kind
        await self._notices.factor_added(pool, user, factor)  # type: ignore[arg-type]  # one of ENROLLABLE
        return proof

    async def backup_codes_due(self, pool: Pool, user: User) -> tuple[str, ...]:
        """New backup codes to show once, if the pool has them and this user has none; else nothing."""
        if "backup_codes" not in pool.mfa.factors:
            return ()
        if await self._credentials.backup_codes_left(pool.id, user.id):
            return ()
        return tuple(await self._backup_codes.replace(pool, user))

    async def _add_code_factor(self, pool: Pool, user: User, kind: str, now: int) -> None:
        if any(c.kind == kind for c in await self._credentials.credentials(pool.id, user.id)):
            return
        credential = Credential(
            id=self._random.token(16),
            pool=pool.id,
            user_id=user.id,
            kind="email_code" if kind == "email_code" else "sms_code",
            created_at=now,
            last_used_at=now,
        )
        await self._credentials.add_credential(pool.id, credential)
        self._emit(Event("factor.enrolled", pool.id, user.id, details={"factor": kind, "credential": credential.id}))


def _target(user: User, kind: str) -> str:
    """Where the code goes. Raises Invalid where no address is proven."""
    email, number = (
        user.email if user.email_verified else None,
        user.phone_number if user.phone_number_verified else None,
    )
    target = email if kind == "email_code" else number
    if target is None:
        raise Invalid("Verify the address first.", field="method")
    return target
