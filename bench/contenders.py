"""How each kind of request is fired at a target. Each function tries the request once and returns who then runs."""

import json
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import scene
from floor_tokens import digest
from load import Contender, Counted, wrk
from machine import Cores
from processes import PATIENCE, Answer, Broken, Caller, Child, clean_environment, run_tool
from targets import BELOW, HERE, Target

LONGER = 2
"""Sign-ins are few and take long: their runs are that many times longer, so that the ends of a run weigh less."""
MOST_HASHINGS = 80
"""A second, of which there must be sign-ins enough."""
HEAD_START = 0.4
"""Seconds of sign-ins before anything else is measured beside them: then each hashing thread has one, and a queue."""
IDLE_FOR, IDLE_SHARE = 0.2, 0.1
"""A server that used less than this share of its core for so many seconds is idle."""
LIVE_TOKENS = 32
"""Refresh tokens in turn: twice as many as there are connections."""
FIRST_CODES = 1200
"""Codes of the first run, which tells how many the next ones need."""
MOST_CODES = 8000
"""In one run: enough for a second of whatever is measured here, and not too long in the making."""


@dataclass(frozen=True, slots=True)
class Gun:
    """wrk, where it runs, and a folder for what it reads."""

    program: str
    cores: Cores
    folder: Path

    def run(self, target: Target, path: str, seconds: int, script: str | None, **environment: str) -> Counted:
        return wrk(
            self.program, self.cores.load, target.port, path, seconds, script=script, environment=environment or None
        )


def _ask(target: Target, path: str, authorization: str | None = None, form: str | None = None) -> Answer:
    headers = {"Authorization": authorization} if authorization is not None else {}
    with Caller(target.port) as caller:
        answer = caller.ask(path, method="POST" if form is not None else "GET", headers=headers, body=form)
    if answer.status != 200:
        raise Broken(f"{target.name} answers {path} with {answer.status}: {answer.body[:200]!r}")
    return answer


def document(gun: Gun, role: str, target: Target, path: str) -> tuple[Contender, int]:
    """GET of a public document. Also returns the size of an answer, as all of these do."""
    size = len(_ask(target, path).body)
    return Contender(role, lambda seconds: gun.run(target, path, seconds, None), target.child), size


def client_credentials(gun: Gun, role: str, target: Target, alg: str) -> tuple[Contender, int]:
    name, form = target.machine(alg)
    answer = _ask(target, target.token, scene.basic(name), form)
    head = json.loads(_decoded(str(json.loads(answer.body)["access_token"]).partition(".")[0]))
    if head["alg"] != alg:
        raise Broken(f"{target.name} signs with {head['alg']}, not {alg}")

    def shoot(seconds: int) -> Counted:
        headers = f"Authorization: {scene.basic(name)}\n"
        return gun.run(
            target, target.token, seconds, "fixed.lua", REQ_METHOD="POST", REQ_HEADERS=headers, REQ_BODY=form
        )

    return Contender(role, shoot, target.child), len(answer.body)


def _decoded(part: str) -> bytes:
    from resource_servers.encoding import decode_base64url

    return decode_base64url(part.encode())


def userinfo(gun: Gun, role: str, target: Target) -> tuple[Contender, int]:
    _, tokens = target.redeem("ES256", target.seed_userinfo())
    bearer = f"Bearer {tokens['access_token']}"
    size = len(_ask(target, target.userinfo, bearer).body)

    def shoot(seconds: int) -> Counted:
        return gun.run(target, target.userinfo, seconds, "fixed.lua", REQ_HEADERS=f"Authorization: {bearer}\n")

    return Contender(role, shoot, target.child), size


class _Codes:
    """Codes of one target and algorithm, made ahead and given out once."""

    def __init__(self, target: Target, alg: str) -> None:
        self._target = target
        self._alg = alg
        self._forms: list[str] = []

    def hold(self, count: int) -> None:
        """Have at least so many."""
        if len(self._forms) < count:
            self._forms += self._target.seed(self._alg, count - len(self._forms))

    def take(self, count: int) -> list[str]:
        self.hold(count)
        taken, self._forms = self._forms[:count], self._forms[count:]
        return taken


def code(gun: Gun, role: str, target: Target, alg: str) -> tuple[Contender, int]:
    """Exchange of authorization codes, each used once. A run ends when its codes are used up."""
    codes = _Codes(target, alg)
    codes.hold(1 + FIRST_CODES)
    size = len(target.redeem(alg, codes.take(1)[0])[0].body)
    file = gun.folder / f"{target.name}.codes"
    known: list[float] = []

    def needed(seconds: int) -> int:
        return min(MOST_CODES, int(max(known) * seconds * 1.25) + 200) if known else FIRST_CODES

    def prepare(seconds: int) -> None:
        file.write_text("\n".join(codes.take(needed(seconds))) + "\n")

    def shoot(seconds: int) -> Counted:
        counted = _with_file(gun, target, alg, file, seconds, "lines.lua")
        known.append(counted.rate)
        return counted

    def stock(runs: int, seconds: int) -> None:
        codes.hold(runs * needed(seconds))

    return Contender(role, shoot, target.child, prepare, stock), size


def refresh(gun: Gun, role: str, target: Target, alg: str) -> tuple[Contender, int]:
    """Refresh with rotation: each new token is used next. Every run begins with tokens of its own."""
    codes = _Codes(target, alg)
    codes.hold(1 + 3 * LIVE_TOKENS)
    with Caller(target.port) as caller:
        _, tokens = target.answered(caller, alg, codes.take(1)[0])
        answer, _ = target.answered(caller, alg, f"grant_type=refresh_token&refresh_token={tokens['refresh_token']}")
    file = gun.folder / f"{target.name}.tokens"

    def prepare(_seconds: int) -> None:
        codes.hold(LIVE_TOKENS)
        with Caller(target.port) as caller:
            redeemed = [target.answered(caller, alg, form)[1] for form in codes.take(LIVE_TOKENS)]
        file.write_text("\n".join(str(tokens["refresh_token"]) for tokens in redeemed) + "\n")

    def shoot(seconds: int) -> Counted:
        return _with_file(gun, target, alg, file, seconds, "refresh.lua")

    def stock(runs: int, _seconds: int) -> None:
        codes.hold(runs * LIVE_TOKENS)

    return Contender(role, shoot, target.child, prepare, stock), len(answer.body)


def _with_file(gun: Gun, target: Target, alg: str, file: Path, seconds: int, script: str) -> Counted:
    headers = f"Authorization: {scene.basic(target.web(alg))}\n"
    return gun.run(
        target, target.token, seconds, script, REQ_FILE=str(file), REQ_HEADERS=headers, SPARE_PATH=target.jwks
    )


def _authorize_path() -> str:
    query = {
        "response_type": "code",
        "client_id": scene.web_client("ES256"),
        "redirect_uri": scene.REDIRECT,
        "scope": scene.WEB_SCOPE,
        "state": "the-state",
        "nonce": scene.NONCE,
        "code_challenge": digest(scene.VERIFIER),
        "code_challenge_method": "S256",
    }
    return f"{BELOW}/oauth2/authorize?{urlencode(query)}"


_COOKIE = f"{scene.POOL}-browser={scene.BROWSER}"


def login(gun: Gun, role: str, target: Target) -> tuple[Contender, int]:
    """Whole sign-ins at our server: authorize, page, user name, page, password, code. The rate is that of sign-ins."""
    path = _authorize_path()

    def shoot(seconds: int) -> Counted:
        counted = gun.run(
            target,
            path,
            seconds * LONGER,
            "login.lua",
            AUTHORIZE=path,
            COOKIE=_COOKIE,
            PASSWORD=scene.PASSWORD,
            USERS=str(scene.USERS),
        )
        return replace(counted, p50=None, p99=None)  # those of single requests, of which a sign-in has five

    return Contender(role, shoot, target.child), 0


def password(gun: Gun, role: str, target: Target) -> tuple[Contender, int]:
    """The password endpoint alone: user name and password in one request to a page got before, answered with a code."""
    path = _authorize_path()
    file = gun.folder / f"{target.name}.sign-ins"

    def sign_in(caller: Caller, number: int) -> str:
        begun = caller.ask(path, headers={"Cookie": _COOKIE})
        if begun.header("location") is None:
            raise Broken(f"{target.name} starts no sign-in: {begun.status} {begun.body[:200]!r}")
        address = urlsplit(begun.header("location") or "")
        page = caller.ask(f"{address.path}?{address.query}", headers={"Cookie": _COOKIE})
        csrf = re.search(rb'name="csrf" value="([^"]+)"', page.body)
        if csrf is None:
            raise Broken(f"{target.name} shows no sign-in page: {page.status} {page.body[:200]!r}")
        form = {
            "step": "identifier",
            "csrf": csrf[1].decode(),
            "username": f"user{number % scene.USERS:02}",
            "password": scene.PASSWORD,
        }
        return f"{address.path}?{address.query}\t{urlencode(form)}"

    def prepare(seconds: int) -> None:
        with Caller(target.port) as caller:
            lines = [sign_in(caller, number) for number in range(seconds * LONGER * MOST_HASHINGS)]
        file.write_text("\n".join(lines) + "\n")

    def shoot(seconds: int) -> Counted:
        return gun.run(
            target,
            path,
            seconds * LONGER,
            "password.lua",
            REQ_FILE=str(file),
            COOKIE=_COOKIE,
            SPARE_PATH=target.jwks,
        )

    return Contender(role, shoot, target.child, prepare), 0


def busy(gun: Gun, role: str, target: Target, kind: str) -> tuple[Contender, int]:
    """An endpoint while sign-ins keep every hashing thread at work, and more of them wait for one."""
    inner, size = quiet(gun, role, target, kind)
    hashing, _ = password(gun, role, target)

    def prepare(seconds: int) -> None:
        inner.prepare(seconds)
        hashing.prepare(seconds)

    def shoot(seconds: int) -> Counted:
        with ThreadPoolExecutor(1) as beside:
            under_way = beside.submit(hashing.shoot, seconds)
            time.sleep(HEAD_START)
            counted = inner.shoot(seconds)
            hashed = under_way.result()
        _until_idle(target.child)  # what still waits would disturb whoever comes next
        if not hashed.requests:
            raise Broken(f"{target.name} hashed nothing in {seconds * LONGER} s beside {kind}")
        return replace(counted, wrong=counted.wrong + hashed.wrong)

    return Contender(role, shoot, target.child, prepare, inner.stock), size


def quiet(gun: Gun, role: str, target: Target, kind: str) -> tuple[Contender, int]:
    """The same endpoint while nobody signs in."""
    match kind:
        case "jwks":
            return document(gun, role, target, target.jwks)
        case "refresh":
            return refresh(gun, role, target, "ES256")
        case "userinfo":
            return userinfo(gun, role, target)
    raise AssertionError(kind)


def _until_idle(child: Child) -> None:
    """Wait until a server has worked off what its callers do not wait for any more."""
    deadline = time.perf_counter() + PATIENCE
    before = -1.0
    while (now := child.cpu()) - before > IDLE_SHARE * IDLE_FOR and time.perf_counter() < deadline:
        before = now
        time.sleep(IDLE_FOR)


def bare_login(gun: Gun, role: str, target: Target) -> tuple[Contender, int]:
    """The floor's one request: Argon2id in one thread, one SET."""
    form = f"username=user00&password={scene.PASSWORD}"

    def shoot(seconds: int) -> Counted:
        return gun.run(target, "/login", seconds * LONGER, "fixed.lua", REQ_METHOD="POST", REQ_BODY=form)

    return Contender(role, shoot, target.child), 0


def bare_argon2id(cores: Cores, role: str) -> tuple[Contender, int]:
    """Argon2id alone, without a server."""

    def shoot(seconds: int) -> Counted:
        command = ["taskset", "--cpu-list", str(cores.server), sys.executable, str(HERE / "in_process.py"), "argon2id"]
        told = json.loads(run_tool("in_process.py", [*command, str(seconds * LONGER)], environment=clean_environment()))
        return Counted(told["rate"], told["requests"], 0)

    return Contender(role, shoot), 0


Make = Callable[[], tuple[Contender, int]]
