"""`kill -9` of the server and of the embedded Valkey in turn while people sign in: what was acknowledged is kept."""

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
import pytest
from argon2 import PasswordHasher

from authserver.crypto.passwords import LANES, MEMORY_KIB, TIME_COST
from tests import postgres
from tests.dev_server import PASSWORD
from tests.system.installation import Installation, eventually, installation, runs
from tests.system.pools import POOL, pool_file
from tests.system.visitor import Surprise, Unavailable, Visitor

PEOPLE = [f"person-{n}" for n in range(4)]
BACK_WITHIN = 15.0
"""Seconds until a server whose Valkey was killed is ready again."""
LONG_GRACE = '[pool.tokens]\nrefresh_grace = "1m"'
"""A refresh whose answer was lost in a crash may be asked for again, even if the machine takes long to come back."""


@dataclass
class Ledger:
    """What the server acknowledged, each entry written down only after the answer had come whole."""

    users: list[str] = field(default_factory=list)
    grants: dict[str, dict[str, str]] = field(default_factory=dict)
    """The newest tokens of each grant."""
    revoked: list[dict[str, str]] = field(default_factory=list)
    redeemed: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    """Answers that said the server could not, by the phase they fell in and what they were."""
    surprises: list[str] = field(default_factory=list)
    sign_ins: int = 0


class Load:
    """People who keep signing in, redeeming, refreshing and revoking until told to stop."""

    def __init__(self, at: Installation, seed: int) -> None:
        self.ledger = Ledger()
        self.phase = "calm"
        self._at = at
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._threads = [
            threading.Thread(target=self._live, args=(n, random.Random(seed + n))) for n in range(len(PEOPLE))
        ]
        self._threads.append(threading.Thread(target=self._create_users))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def progress(self, more: int) -> bool:
        """Whether that many more people have signed in before long."""
        goal = self.ledger.sign_ins + more
        return eventually(lambda: self.ledger.sign_ins >= goal or self.ledger.surprises, 60) and not (
            self.ledger.surprises
        )

    def _live(self, number: int, dice: random.Random) -> None:
        while not self._over.is_set():
            try:
                with Visitor(self._at, address=f"127.0.0.{number + 2}") as person:
                    self._one_life(person, PEOPLE[number], dice)
            except Unavailable as error:
                self._note(error)
                time.sleep(0.05)
            except Surprise as surprise:
                with self._guard:
                    self.ledger.surprises.append(f"{self.phase}: {surprise}")

    def _note(self, error: Unavailable) -> None:
        kind = str(error)[:3] if error.__cause__ is None else type(error.__cause__).__name__
        with self._guard:
            self.ledger.refusals[f"{self.phase}: {kind}"] += 1

    def _one_life(self, person: Visitor, name: str, dice: random.Random) -> None:
        code = person.sign_in(name)
        tokens = self._redeem(person, code)
        if tokens is None:
            return
        grant = code
        with self._guard:
            self.ledger.sign_ins += 1
            self.ledger.grants[grant] = tokens
        for _ in range(dice.randrange(3)):
            tokens = self._refresh(person, tokens["refresh_token"])
            with self._guard:
                self.ledger.grants[grant] = tokens
        if dice.random() < 0.4:
            # Asked for but not acknowledged, it may or may not have happened.
            with self._guard:
                del self.ledger.grants[grant]
            person.revoke(tokens["refresh_token"])
            with self._guard:
                self.ledger.revoked.append(tokens)

    def _redeem(self, person: Visitor, code: str) -> dict[str, str] | None:
        """A code whose redemption broke off is tried once more, as an application might: never two successes."""
        for _ in range(2):
            try:
                answer = person.redeem(code, (200, 400))
            except Unavailable as error:
                self._note(error)
                continue
            if answer.status_code == 200:
                with self._guard:
                    self.ledger.redeemed[code] += 1
                tokens: dict[str, str] = answer.json()
                return tokens
            if self.phase == "calm":
                raise Surprise(f"a fresh code was refused: {answer.text}")
            return None
        return None

    def _refresh(self, person: Visitor, token: str) -> dict[str, str]:
        """Asked for until there is an answer, as applications do: whatever was lost, the same token is good for it."""
        while True:
            try:
                tokens: dict[str, str] = person.refresh(token).json()
            except Unavailable as error:
                self._note(error)
                time.sleep(0.05)
            else:
                return tokens

    def _create_users(self) -> None:
        number = 0
        while not self._over.wait(0.5):
            number += 1
            name = f"newcomer-{number}"
            arguments = ("user", "create", name, "--pool", POOL, "--password-stdin", "--json")
            done = self._at.run(*arguments, typed=f"{PASSWORD}\n", timeout=120)
            if done.returncode == 0:
                self.ledger.users.append(name)
            elif "Traceback" in done.stderr:
                self.ledger.surprises.append(f"{self.phase}: user create: {done.stderr}")


@contextlib.contextmanager
def disturbed(load: Load, phase: str) -> Iterator[None]:
    load.phase = phase
    yield
    assert load.progress(2 * len(PEOPLE)), load.ledger.surprises  # whoever was caught in it has gone round once
    load.phase = "calm"


def kill_the_server(at: Installation, load: Load) -> None:
    with disturbed(load, "server"):
        at.kill()
        at.start()


def kill_valkey(at: Installation, load: Load) -> None:
    with disturbed(load, "valkey"):
        victim = at.valkey()
        assert runs(victim)
        began = time.monotonic()
        psutil.Process(victim).send_signal(signal.SIGKILL)
        assert eventually(lambda: at.valkey() != victim and at.readiness() == (200, "ready"), BACK_WITHIN)
        print(f"ready {time.monotonic() - began:.2f} s after Valkey was killed")


@pytest.mark.serial
@pytest.mark.parametrize(
    ("database", "workers", "rounds"),
    [
        pytest.param("sqlite", 1, 2, id="sqlite"),
        pytest.param("sqlite", 2, 10, id="sqlite, two workers, ten rounds", marks=pytest.mark.nightly),
        pytest.param("postgresql", 2, 10, id="postgresql, two workers, ten rounds", marks=pytest.mark.nightly),
    ],
)
def test_what_was_acknowledged_survives_kills_under_load(
    tmp_path: Path, database: str, workers: int, rounds: int
) -> None:
    url = None
    if database == "postgresql":
        postgres.require()
        url = postgres.shared_server().create_database()
    hashed = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES).hash(PASSWORD)
    pools = {POOL: pool_file(POOL, PEOPLE, password_hash=hashed, tokens=LONG_GRACE)}
    with installation(tmp_path, workers=workers, database_url=url, pools=pools) as at:
        with Load(at, seed=1) as load:
            assert load.progress(len(PEOPLE)), load.ledger.surprises
            for _ in range(rounds):
                kill_the_server(at, load)
                kill_valkey(at, load)
        ledger = load.ledger
        print(
            f"{rounds} kills of each: {ledger.sign_ins} sign-ins, {len(ledger.grants)} grants, "
            f"{len(ledger.revoked)} revocations, {len(ledger.users)} users acknowledged; {dict(ledger.refusals)}"
        )
        assert ledger.surprises == []
        assert ledger.revoked
        assert ledger.users
        assert max(ledger.redeemed.values()) == 1
        # While only Valkey was dead, every caller was told so: no connection broke.
        assert {kind for kind in ledger.refusals if kind.startswith(("valkey", "calm"))} <= {"valkey: 503", "calm: 503"}
        assert {kind for kind in ledger.refusals if kind.startswith("server")} != set()
        at.kill()
        at.start()
        _check(at, ledger)
        assert at.stop() == 0


def _check(at: Installation, ledger: Ledger) -> None:
    with Visitor(at) as anyone:
        for tokens in ledger.grants.values():
            anyone.userinfo(tokens["access_token"])
            anyone.refresh(tokens["refresh_token"])
        for tokens in ledger.revoked:
            anyone.userinfo(tokens["access_token"], (401,))
            anyone.refresh(tokens["refresh_token"], (400,))
    for name in ledger.users:
        with Visitor(at) as newcomer:
            newcomer.sign_in(name)
