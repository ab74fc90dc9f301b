"""Guessing at two worker processes over one store, fifty at a time (security reference S10, S11, W10 to W12).

What was judged is counted in the server's own log; what callers saw, in the answers.
"""

import asyncio
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlsplit

import pyotp
import pytest

from authserver.adapters.redis import open_redis
from authserver.adapters.sql.stores import open_sql
from authserver.adapters.valkey.place import Place
from tests import postgres
from tests.dev_server import PASSWORD
from tests.system.caller import Caller, SignIn
from tests.system.installation import Installation, installation
from tests.system.pools import CALLBACK, SECRET
from tests.system.post import Post, open_post
from tests.system.volley import Reply, request, volley

pytestmark = pytest.mark.serial

POOL, CLIENT = "guess_Pool1", "guess-web"
PEOPLE = ("ada", "bob", "carol")
CLIENTS = 50
_POOL = f"""
[pool]
id = "{POOL}"
name = "Guess"
[pool.mfa]
mode = "optional"
factors = ["totp", "backup_codes"]
first_factors = ["password", "email_code"]
nudge = false
[[clients]]
client_id = "{CLIENT}"
client_secret = "{SECRET}"
redirect_uris = ["{CALLBACK}"]
grant_types = ["authorization_code"]
"""
_PERSON = """
[[users]]
username = "{name}"
password = "{password}"
email = "{name}@example.com"
email_verified = true
"""


@dataclass(frozen=True)
class Target:
    """The server under attack, its database, and where its mails arrive."""

    at: Installation
    database: str
    post: Post

    def caller(self) -> Caller:
        """Somebody with a new browser."""
        return Caller(self.at, POOL, CLIENT, CALLBACK, keeps_open=False)

    def user_id(self, name: str) -> str:
        async def find() -> str:
            async with await open_sql(self.database) as stores:
                user = await stores.directory.find_user(POOL, name, ("username",))
                assert user is not None
                return user.id

        return asyncio.run(find())

    def let_pauses_pass(self, user_id: str) -> None:
        """Hours go by, as far as pauses between tries are concerned; nothing else is forgotten."""

        async def clear() -> None:
            redis = open_redis(f"unix://{quote(str(Place(self.at.data_dir).socket()))}")
            try:
                for factor in ("password", "totp", "backup_codes"):
                    await redis.counters.clear_guesses(POOL, f"{factor} {user_id} ")
            finally:
                await redis.close()

        asyncio.run(clear())

    def told(self, user_id: str) -> Counter[str]:
        """What the log says of the user, by event and reason."""
        return Counter(
            f"{record['event']}: {record['reason']}" if "reason" in record else record["event"]
            for record in self.at.records()
            if record.get("user_id") == user_id
        )


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.nightly)])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("guessing")
    url = None
    if request.param == "postgresql":
        postgres.require()
        url = postgres.shared_server().create_database()
    people = "".join(_PERSON.format(name=name, password=PASSWORD) for name in PEOPLE)
    with open_post() as post:
        extra = f'[guessing]\nper_address = 1_000_000\n[mail]\nurl = "{post.mail_url}"\n'
        with installation(folder, workers=2, database_url=url, pools={POOL: _POOL + people}, extra=extra) as at:
            yield Target(at, url or f"sqlite:///{at.data_dir / 'poolgate.sqlite'}", post)


@dataclass
class Attacker:
    """One of many clients, somewhere in a sign-in."""

    caller: Caller
    sign_in: SignIn

    def bytes_of(self, step: str, **form: str) -> bytes:
        """A form of the sign-in, to be sent with others at once."""
        fields = {"csrf": self.sign_in.csrf, "step": step, **form}
        path = f"/{POOL}/login?signin={self.sign_in.id}"
        return request("POST", path, form=fields, cookies=self.caller.cookies)


def attackers(target: Target, name: str, *steps: Mapping[str, str], count: int = CLIENTS) -> list[Attacker]:
    """Clients who named somebody, and have sent the forms that follow."""
    found = []
    for _ in range(count):
        caller = target.caller()
        sign_in = caller.begin()
        for step in ({"step": "identifier", "username": name}, *steps):
            answer = caller.send(sign_in, **step)
            assert answer.status == 303, answer.text
        found.append(Attacker(caller, sign_in))
    return found


@dataclass
class Owner:
    """Somebody whose browser has signed in before."""

    target: Target
    name: str
    caller: Caller = field(init=False)
    app: pyotp.TOTP | None = None
    codes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.caller = self.target.caller()
        self.signs_in()

    def signs_in(self, code: str | None = None) -> None:
        """All the way, by password, and the code of the app if there is one. The cookie of the session is dropped."""
        sign_in = self.caller.begin()
        answer = self.caller.send(sign_in, "identifier", username=self.name, password=PASSWORD)
        assert answer.status == 303, answer.text
        if code is not None:
            answer = self.caller.send(sign_in, "code", code=code)
        assert answer.location.startswith(CALLBACK), answer
        assert "code" in parse_qs(urlsplit(answer.location).query)

    def sets_up_app(self) -> None:
        page = self.caller.ask("/account/factor?kind=totp")
        found = re.search(r"otpauth:[^\"]*[?&](?:amp;)?secret=([A-Z2-7]+)", page.text)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None, page.text
        assert csrf is not None
        self.app = pyotp.TOTP(found[1])
        form = {"csrf": csrf[1], "step": "enrol_totp", "code": self.app.now()}
        done = self.caller.ask("/account/factor?kind=totp", form)
        self.codes = re.findall(r"<code dir=\"ltr\">([0-9a-z]{5}-[0-9a-z]{5})</code>", done.text)
        assert len(self.codes) == 10, done.text

    def forgets_session(self) -> None:
        """The browser stays known."""
        self.caller.cookies = {name: v for name, v in self.caller.cookies.items() if not name.endswith("-session")}


def sorted_out(replies: Sequence[Reply]) -> tuple[int, list[int]]:
    """How many tries were judged wrong, and how long the others are to wait."""
    assert {reply.status for reply in replies} <= {422, 429}
    waits = [int(reply.headers["retry-after"]) for reply in replies if reply.status == 429]
    return len(replies) - len(waits), waits


@pytest.mark.parametrize("name", ["ada", pytest.param("nobody", marks=pytest.mark.nightly)])
def test_ten_tries_then_one_after_each_pause_which_doubles(target: Target, name: str) -> None:
    owner = Owner(target, name) if name in PEOPLE else None
    if owner is not None:
        owner.forgets_session()
    crowd = attackers(target, name)
    began = time.monotonic()
    judged, waits = sorted_out(volley(target.at, [one.bytes_of("password", password="wrong") for one in crowd] * 4))
    took = time.monotonic() - began
    # The tenth starts the first pause, of one second, and a slow machine may see it pass.
    assert judged <= 10 + int(math.log2(1 + took)), (judged, took)
    assert judged >= 10
    pauses = []
    for _ in range(2):
        time.sleep(max(waits) + 0.1)
        again, waits = sorted_out(volley(target.at, [one.bytes_of("password", password="wrong") for one in crowd]))
        assert again == 1
        pauses.append(max(waits))
    assert 1 < pauses[0] < pauses[1]
    if owner is not None:
        owner.signs_in()
    print(
        f"{name}: {judged} of {4 * CLIENTS} judged in {took:.1f} s, then 1 of {CLIENTS} after each pause; then {pauses} s"
    )


def test_a_hundred_in_a_row_over_all_factors(target: Target) -> None:
    owner = Owner(target, "bob")
    owner.sets_up_app()
    owner.forgets_session()
    assert owner.app is not None
    user_id = target.user_id("bob")
    password = {"step": "password", "password": PASSWORD}
    # Whoever knows the password guesses at what comes after it, too.
    at_app = attackers(target, "bob", password, count=15)
    at_codes = attackers(target, "bob", password, {"step": "method", "method": "backup_codes"}, count=15)
    strangers = attackers(target, "bob", count=CLIENTS - 30)
    before = target.told(user_id)
    rounds = []
    for number in range(7):
        tries = [one.bytes_of("password", password="wrong") for one in strangers]
        tries += [one.bytes_of("code", code=f"{number * 15 + n:06}") for n, one in enumerate(at_app)]
        tries += [one.bytes_of("code", code=f"{number:05}-{n:05}") for n, one in enumerate(at_codes)]
        volley(target.at, tries)
        target.let_pauses_pass(user_id)
        told = target.told(user_id) - before
        rounds.append(sum(n for what, n in told.items() if "wrong" in what))
    assert rounds[-1] == rounds[-2] <= 100, rounds
    assert rounds[-1] >= 95, rounds  # else it was something else that ended it
    assert told["password.locked"] == 1, told
    by_factor = {what: n for what, n in told.items() if "wrong" in what}

    # From now on what is right is wrong for strangers, and not for the owner.
    (stranger,) = attackers(target, "bob", count=1)
    assert stranger.caller.send(stranger.sign_in, "password", password=PASSWORD).status == 422
    assert at_codes[0].caller.send(at_codes[0].sign_in, "code", code=owner.codes[0]).status == 422
    owner.signs_in(owner.app.at(int(time.time()) + 30))
    target.post.mail("bob@example.com", "Password sign-in to your Guess account is closed")
    print(f"{len(rounds)} rounds of {CLIENTS}: judged {rounds}, {by_factor}; the owner signed in")


def test_five_tries_for_a_code_and_twenty_a_day(target: Target) -> None:
    owner = Owner(target, "carol")
    owner.forgets_session()
    user_id = target.user_id("carol")
    before = target.told(user_id)
    by_challenge = []
    for _ in range(5):
        (one,) = attackers(target, "carol", {"step": "method", "method": "email_code"}, count=1)
        sent = target.post.mail("carol@example.com", "sign-in code").code
        wrong = [f"{(int(sent) + 1 + n) % 10**6:06}" for n in range(CLIENTS)]
        volley(target.at, [one.bytes_of("code", code=code) for code in wrong])
        judged = (target.told(user_id) - before)["code.wrong"]
        by_challenge.append(judged - sum(by_challenge))
        assert one.caller.send(one.sign_in, "code", code=sent).status in {422, 429}, "the right one comes too late"
    assert by_challenge == [5, 5, 5, 5, 0]
    # The owner's browser is counted apart.
    sign_in = owner.caller.begin()
    owner.caller.send(sign_in, "identifier", username="carol")
    owner.caller.send(sign_in, "method", method="email_code")
    code = target.post.mail("carol@example.com", "sign-in code").code
    answer = owner.caller.send(sign_in, "code", code=code)
    assert answer.location.startswith(CALLBACK), answer
    print(f"of {CLIENTS} tries at each of five codes were judged {by_challenge}; the owner signed in")
