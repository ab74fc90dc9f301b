"""The factors wired over given stores, with a clock that the test moves and events that it reads."""

from dataclasses import dataclass, field

from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import derive
from authserver.effects import SystemRandom
from authserver.events import Event, emitter
from authserver.model.pools import MfaPolicy, Pool
from authserver.model.users import User
from authserver.signin.factors.backup_codes import BackupCodes
from authserver.signin.factors.enrolled import Enrolled
from authserver.signin.factors.guessing import Guessing
from authserver.signin.factors.passkey import Passkeys
from authserver.signin.factors.relying_party import RelyingParty
from authserver.signin.factors.totp import Totp
from authserver.signin.origin import Origin
from authserver.store import Counters, Credentials, Directory
from authserver.store.memory import memory_stores

NOW = 1_800_000_015.5
BASE_URL = "https://login.example"
MASTER = b"\x07" * 32

POOL = Pool(
    "demo_A",
    "Demo",
    mfa=MfaPolicy(mode="optional", factors=("totp", "passkey", "backup_codes", "email_code", "sms_code")),
)
ADA = User("8f0f3a9e-5e1c-4a53-9a0e-0d4f5b6c7d8e", POOL.id, "ada", attributes={"name": "Ada Lovelace"})
BOB = User("1b2c3d4e-0000-4000-8000-0d4f5b6c7d8e", POOL.id, "bob")
HERE = Origin("192.0.2.1", "browser-of-ada")


@dataclass
class Factors:
    """One node's factors."""

    directory: Directory
    credentials: Credentials
    counters: Counters
    now: float = NOW
    per_address: int = 10_000
    base_url: str = BASE_URL
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        def clock() -> float:
            return self.now

        random, emit = SystemRandom(), emitter([self.events.append], strict=True)
        self.guessing = Guessing(
            directory=self.directory,
            credentials=self.credentials,
            counters=self.counters,
            clock=clock,
            emit=emit,
            per_address=self.per_address,
        )
        self.totp = Totp(
            credentials=self.credentials,
            guessing=self.guessing,
            sealer=Sealer(MASTER, random),
            clock=clock,
            random=random,
            emit=emit,
        )
        self.passkeys = Passkeys(
            credentials=self.credentials,
            guessing=self.guessing,
            relying_party=lambda _pool: RelyingParty.of(self.base_url),
            clock=clock,
            random=random,
            emit=emit,
        )
        self.backup_codes = BackupCodes(
            credentials=self.credentials,
            guessing=self.guessing,
            keys=[derive(MASTER, "backup codes")],
            clock=clock,
            random=random,
            emit=emit,
        )
        self.enrolled = Enrolled(credentials=self.credentials, emit=emit)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


async def in_memory(**changes: object) -> Factors:
    """Over fresh memory, with Ada and Bob."""
    stores = memory_stores(lambda: NOW)
    for user in (ADA, BOB):
        await stores.directory.create_user(POOL.id, user)
    return Factors(stores.directory, stores.credentials, stores.counters, **changes)  # type: ignore[arg-type]
