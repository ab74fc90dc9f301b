"""How long an answer takes does not tell whether somebody has the name (security reference W9).

Known and unknown names take turns in an order that is drawn, so that whatever else goes on disturbs both alike.
"""

import asyncio
import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from authserver.accounts.mail_codes import RESEND_AFTER
from authserver.adapters.sql.stores import open_sql
from authserver.model.credentials import Credential
from tests.dev_server import PASSWORD
from tests.system.caller import Caller, SignIn
from tests.system.installation import Installation, eventually, free_ports, installation
from tests.system.pools import CALLBACK, SECRET

pytestmark = pytest.mark.serial

POOL = "time_Pool1"
CLIENT = "time-web"
DECENT = "purple-lighthouse-over-seven-bridges"

_POOL = f"""
[pool]
id = "{POOL}"
name = "Time"
[pool.sign_up]
enabled = true
[pool.mfa]
mode = "optional"
factors = ["passkey"]
first_factors = ["password", "email_code", "passkey"]
nudge = false
[[clients]]
client_id = "{CLIENT}"
client_secret = "{SECRET}"
redirect_uris = ["{CALLBACK}"]
grant_types = ["authorization_code"]
"""
_PERSON = """
[[users]]
username = "person{n:04}"
password_hash = "{hash}"
email = "person{n:04}@example.com"
email_verified = true
"""


def known(n: int) -> str:
    return f"person{n:04}@example.com"


def unknown(n: int) -> str:
    return f"nobody{n:04}@example.com"


@dataclass
class Times:
    """Seconds that one endpoint took, for names that somebody has and for names that nobody has."""

    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)

    @property
    def difference(self) -> float:
        """Of the medians, in milliseconds."""
        return (statistics.median(self.known) - statistics.median(self.unknown)) * 1e3

    @property
    def auc(self) -> float:
        """How often somebody who has both times of a pair would tell which is which: 0.5 is chance."""
        others = sorted(self.unknown)
        wins = sum(bisect_left(others, t) + bisect_right(others, t) for t in self.known) / 2
        share = wins / (len(self.known) * len(others))
        return max(share, 1 - share)

    def __str__(self) -> str:
        medians = [statistics.median(times) * 1e3 for times in (self.known, self.unknown)]
        return (
            f"{medians[0]:8.2f} {medians[1]:8.2f} ms, difference {self.difference:+6.2f} ms, AUC {self.auc:.3f}"
            f" ({len(self.known)} each)"
        )


@dataclass
class Probe:
    """Somebody who asks for each name in turn, and for what an answer leaves behind."""

    caller: Caller
    count: int
    found: dict[str, Times] = field(default_factory=dict)
    lots: random.Random = field(default_factory=lambda: random.Random(5))

    def each(self, endpoint: str) -> Iterator[tuple[int, str, list[float]]]:
        """Numbers, names, and where the time of each goes, in any order: in pairs, whoever comes second would pay for what
        the first left to do in the background.
        """
        times = self.found[endpoint] = Times()
        everybody = [(n, known(n), times.known) for n in range(self.count)]
        everybody += [(n, unknown(n), times.unknown) for n in range(self.count)]
        self.lots.shuffle(everybody)
        yield from everybody

    def shadow(self, endpoint: str, times: list[float]) -> None:
        """Time of a request by anybody right after, while what was begun goes on in the background."""
        beside = self.found.setdefault(f"{endpoint}, the request after it", Times())
        is_known = times is self.found[endpoint].known
        (beside.known if is_known else beside.unknown).append(self.caller.ask("/.well-known/jwks.json").seconds)

    def password(self) -> None:
        sign_in = self.caller.begin()
        for _, name, times in self.each("password"):
            answer = self.caller.send(sign_in, "identifier", username=name, password="wrong")
            assert answer.status == 422
            times.append(answer.seconds)

    def sign_up(self) -> None:
        for n, name, times in self.each("sign-up"):
            form = {"username": f"guest{n:04}{name[0]}", "email": name, "new_password": DECENT}
            answer = self.caller.send(self.caller.begin(), "sign_up", "/signup", **form)
            assert answer.status == 303, answer.text
            times.append(answer.seconds)
            self.shadow("sign-up", times)

    def recovery(self) -> dict[str, SignIn]:
        begun = {}
        for _, name, times in self.each("recovery"):
            begun[name] = self.caller.begin()
            answer = self.caller.send(begun[name], "recover", "/forgotPassword", username=name)
            assert answer.status == 303, answer.text
            times.append(answer.seconds)
            self.shadow("recovery", times)
        return begun

    def recovery_code(self, begun: dict[str, SignIn]) -> None:
        for _, name, times in self.each("recovery, its code"):
            answer = self.caller.send(begun[name], "recover_code", code="000000", new_password=DECENT)
            assert answer.status == 422, answer.text
            times.append(answer.seconds)

    def first_code(self) -> dict[str, SignIn]:
        begun = {}
        for _, name, times in self.each("first factor's code"):
            begun[name] = self.caller.begin()
            self.caller.send(begun[name], "identifier", username=name)
            answer = self.caller.send(begun[name], "method", method="email_code")
            assert answer.status == 303, answer.text
            times.append(answer.seconds)
            self.shadow("first factor's code", times)
        return begun

    def wrong_code(self, begun: dict[str, SignIn]) -> None:
        for _, name, times in self.each("first factor's code, given"):
            answer = self.caller.send(begun[name], "code", code="000000")
            assert answer.status == 422, answer.text
            times.append(answer.seconds)

    def resend(self, begun: dict[str, SignIn]) -> None:
        for _, name, times in self.each("resend"):
            answer = self.caller.send(begun[name], "resend")
            assert answer.status == 303, answer.text
            times.append(answer.seconds)

    def passkey(self) -> None:
        sign_in = self.caller.begin()
        for _, name, times in self.each("passkey options"):
            self.caller.send(sign_in, "identifier", username=name)
            chosen = self.caller.send(sign_in, "method", method="passkey")
            page = self.caller.ask(f"/login?signin={sign_in.id}")
            assert "data-passkey" in page.text
            times.append(chosen.seconds + page.seconds)

    def report(self) -> str:
        return "\n".join(f"{endpoint:<46}{times}" for endpoint, times in self.found.items())


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def mail_server() -> Iterator[str]:
    """A real one, in a process of its own: what it does must not disturb whoever takes the time."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "aiosmtpd", "--nosetuid", "--class", "aiosmtpd.handlers.Sink"]
    process = subprocess.Popen([*command, "--listen", f"127.0.0.1:{port}"])
    try:
        assert eventually(lambda: answers(port), 20)
        yield f"smtp://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def probing(folder: Path, count: int) -> Iterator[Probe]:
    """A probe of a server where so many people have an account and a passkey each."""
    password_hash = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    people = "".join(_PERSON.format(n=n, hash=password_hash) for n in range(count))
    # Each request comes from an address of its own: limits by address are the same for all names.
    extra = 'trusted_proxies = ["127.0.0.1"]\n[guessing]\nper_address = 1_000_000\n'
    with (
        mail_server() as url,
        installation(folder, pools={POOL: _POOL + people}, extra=f'{extra}[mail]\nurl = "{url}"\n') as at,
    ):
        asyncio.run(give_passkeys(at, count))
        with Caller(at, POOL, CLIENT, CALLBACK) as caller:
            yield Probe(caller, count)


async def give_passkeys(at: Installation, count: int) -> None:
    async with await open_sql(f"sqlite:///{at.data_dir / 'poolgate.sqlite'}") as stores:
        for n in range(count):
            user = await stores.directory.find_user(POOL, known(n), ("email",))
            assert user is not None
            passkey = Credential(f"passkey{n}", POOL, user.id, "passkey", handle=f"handle{n}", created_at=1)
            await stores.credentials.add_credential(POOL, passkey)


def test_no_name_takes_much_longer_than_another(tmp_path: Path) -> None:
    """With few requests and wide bounds: what forgets the work for names that nobody has is far beyond them."""
    with probing(tmp_path / "server", 30) as probe:
        probe.password()
        probe.sign_up()
        probe.recovery_code(probe.recovery())
        probe.wrong_code(probe.first_code())
        probe.passkey()
    print(probe.report())
    for endpoint, times in probe.found.items():
        if "after" not in endpoint:
            assert times.auc < 0.8, f"{endpoint}: {times}"


@pytest.mark.nightly
def test_time_does_not_tell_who_has_an_account(tmp_path: Path) -> None:
    with probing(tmp_path / "server", int(os.environ.get("ENUMERATION_REQUESTS", "2000"))) as probe:
        probe.passkey()
        probe.password()
        probe.sign_up()
        recoveries, codes = probe.recovery(), probe.first_code()
        probe.recovery_code(recoveries)
        probe.wrong_code(codes)
        time.sleep(RESEND_AFTER + 1)
        probe.resend(codes)
    print(probe.report())
    for endpoint, times in probe.found.items():
        assert abs(times.difference) <= 5, f"{endpoint}: {times}"
        assert times.auc <= 0.55, f"{endpoint}: {times}"
