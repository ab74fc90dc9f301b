"""The servers under measurement: ours, the floors and the peer, each with its addresses and a source of codes."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import scene
from machine import Cores, family, pin
from processes import Answer, Broken, Caller, Child, clean_environment, free_port, run_tool

HERE = Path(__file__).parent
POOLGATE = Path(sys.executable).with_name("poolgate")
PACKAGES = HERE / ".packages"
BELOW = f"/{scene.POOL}"
_HOP_BY_HOP = {"date", "server", "connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True, slots=True)
class Target:
    """A running server.

    Args:
        seed: makes so many codes for the client that gets ID tokens of an algorithm, as forms that redeem them.
        seed_userinfo: a code whose access token its userinfo takes.
    """

    name: str
    child: Child
    port: int
    discovery: str
    jwks: str
    token: str
    userinfo: str
    seed: Callable[[str, int], list[str]]
    seed_userinfo: Callable[[], str]
    web: Callable[[str], str]
    machine: Callable[[str], tuple[str, str]]

    def redeem(self, alg: str, form: str) -> tuple[Answer, dict[str, object]]:
        """The answer to a code, and its members. Raises Broken."""
        with Caller(self.port) as caller:
            return self.answered(caller, alg, form)

    def answered(self, caller: Caller, alg: str, form: str) -> tuple[Answer, dict[str, object]]:
        answer = caller.ask(self.token, method="POST", headers={"Authorization": scene.basic(self.web(alg))}, body=form)
        if answer.status != 200:
            raise Broken(f"{self.name} redeemed no code: {answer.status} {answer.body[:200]!r}")
        members: dict[str, object] = json.loads(answer.body)
        missing = {"access_token", "id_token", "refresh_token"} - members.keys()
        if missing:
            raise Broken(f"{self.name} gave no {', '.join(sorted(missing))}")
        return answer, members


def _run_seed(settings: Path, *arguments: str | int) -> list[str]:
    command = [sys.executable, str(HERE / "seed.py"), str(settings), *(str(argument) for argument in arguments)]
    return run_tool("seed.py", command, environment=clean_environment(), timeout=300).splitlines()


def _codes(settings: Path) -> Callable[[str, int], list[str]]:
    return lambda alg, count: _run_seed(settings, "codes", scene.web_client(alg), count)


def _one(seed: Callable[[str, int], list[str]]) -> Callable[[], str]:
    return lambda: seed("ES256", 1)[0]


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folder of a run, and its cores."""

    folder: Path
    cores: Cores
    password_hash: str

    def prepare(self) -> None:
        (self.folder / "pool.toml").write_text(scene.pool_file(self.password_hash))

    def settings(self, name: str, *, database: str | None = None, redis: str | None = None) -> tuple[Path, int]:
        """A settings file for a data folder of that name, and the port in it."""
        port = free_port()
        path = self.folder / f"{name}.toml"
        text = scene.settings_file(self.folder / name, port, free_port(), database=database, redis=redis)
        path.write_text(text)
        return path, port


def serve(scratch: Scratch, settings: Path, port: int) -> tuple[Child, float]:
    """`poolgate serve` on the server's core. Returns it and the seconds to its first answer."""
    child = Child(
        "poolgate serve",
        [POOLGATE, "serve", "--config", settings],
        settings.with_suffix(".log"),
        core=scratch.cores.server,
        cwd=scratch.folder,
    )
    return child, child.wait_until(port, f"{BELOW}/.well-known/openid-configuration")


def embedded_valkey(child: Child) -> int | None:
    """The pid of the Valkey that a server of ours started."""
    return next((p.pid for p in family(child.pid)[1:] if "valkey-server" in p.name()), None)


@contextlib.contextmanager
def ours(scratch: Scratch, name: str, database: str | None = None) -> Iterator[tuple[Target, int]]:
    """Our server as it is by default, its Valkey moved to the load's core. Yields it and the Valkey's pid."""
    if database is not None:
        database = database.replace("postgresql://", "postgresql+asyncpg://")
    settings, port = scratch.settings(name, database=database)
    child, _ = serve(scratch, settings, port)
    with child:
        valkey = embedded_valkey(child)
        if valkey is None:
            raise Broken("the embedded Valkey was not found among the server's processes")
        pin(valkey, scratch.cores.load)
        seed = _codes(settings)
        yield (
            Target(
                name=name,
                child=child,
                port=port,
                discovery=f"{BELOW}/.well-known/openid-configuration",
                jwks=f"{BELOW}/.well-known/jwks.json",
                token=f"{BELOW}/oauth2/token",
                userinfo=f"{BELOW}/oauth2/userInfo",
                seed=seed,
                seed_userinfo=_one(seed),
                web=scene.web_client,
                machine=lambda alg: (scene.machine_client(alg), scene.machine_form(alg)),
            ),
            valkey,
        )


def _as_ours(model: Target) -> dict[str, object]:
    """Our answers to each address: what a floor gives back as it is, or whose headers it uses."""
    code = model.seed_userinfo()
    with Caller(model.port) as caller:
        name, form = model.machine("ES256")
        answers = {path: caller.ask(path) for path in (model.discovery, model.jwks)}
        answers[model.token] = caller.ask(
            model.token, method="POST", headers={"Authorization": scene.basic(name)}, body=form
        )
        _, tokens = model.answered(caller, "ES256", code)
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        answers[model.userinfo] = caller.ask(model.userinfo, headers=bearer)
    for path, answer in answers.items():
        if answer.status != 200:
            raise Broken(f"our server answers {path} with {answer.status}: {answer.body[:200]!r}")
    return {
        path: {
            "headers": [(k.lower(), v) for k, v in answer.headers if k.lower() not in _HOP_BY_HOP],
            "body": answer.body.decode(),
        }
        for path, answer in answers.items()
    }


@contextlib.contextmanager
def floor(
    scratch: Scratch, name: str, kind: str, model: Target, redis: Path, database: str | None = None
) -> Iterator[Target]:
    """A floor that answers like `model`, with stores of its own: schema, pool and codes are made by our own code."""
    with_driver = database.replace("postgresql://", "postgresql+asyncpg://") if database is not None else None
    settings, port = scratch.settings(name, database=with_driver, redis=f"unix://{redis}")
    _run_seed(settings, "apply")
    store = (
        {"postgres": database} if database is not None else {"sqlite": str(scratch.folder / name / "poolgate.sqlite")}
    )
    told = {
        "kind": kind,
        "port": port,
        "issuer": f"http://localhost:{model.port}{BELOW}",
        "redis": str(redis),
        "password_hash": scratch.password_hash,
        "answers": _as_ours(model),
        "discovery": model.discovery,
        "jwks": model.jwks,
        "token": model.token,
        "userinfo": model.userinfo,
        **store,
    }
    path = scratch.folder / f"{name}.json"
    path.write_text(json.dumps(told))
    with Child(
        f"the floor {name}",
        [sys.executable, HERE / "floor.py", path],
        path.with_suffix(".log"),
        core=scratch.cores.server,
        environment=clean_environment(PYTHONPATH=str(PACKAGES)),
    ) as child:
        child.wait_until(port, model.jwks)
        seed = _codes(settings)
        yield Target(
            name=name,
            child=child,
            port=port,
            discovery=model.discovery,
            jwks=model.jwks,
            token=model.token,
            userinfo=model.userinfo,
            seed=seed,
            seed_userinfo=_one(seed),
            web=model.web,
            machine=model.machine,
        )


@contextlib.contextmanager
def peer(scratch: Scratch, node: Path, redis: Path) -> Iterator[Target]:
    """npm's oidc-provider over a Redis adapter of ours."""
    port = free_port()
    folder = HERE / "peer"
    environment = clean_environment(
        PORT=str(port),
        ISSUER=f"http://127.0.0.1:{port}",
        REDIS=str(redis),
        CLIENT_SECRET=scene.SECRET,
        VERIFIER=scene.VERIFIER,
        NODE_ENV="production",
    )

    def seed(alg: str, count: int, resource: str = scene.API) -> list[str]:
        told = environment | {"CLIENT": alg.lower(), "COUNT": str(count), "RESOURCE": resource}
        return run_tool("peer/seed.mjs", [node, folder / "seed.mjs"], environment=told, timeout=300).splitlines()

    def machine(alg: str) -> tuple[str, str]:
        resource = quote(scene.RSA_API if alg == "RS256" else scene.API, safe="")
        return alg.lower(), f"grant_type=client_credentials&scope=read&resource={resource}"

    with Child(
        "oidc-provider",
        [node, folder / "server.mjs"],
        scratch.folder / "peer.log",
        core=scratch.cores.server,
        environment=environment,
    ) as child:
        child.wait_until(port, "/jwks")
        yield Target(
            name="peer",
            child=child,
            port=port,
            discovery="/.well-known/openid-configuration",
            jwks="/jwks",
            token="/token",
            userinfo="/me",
            seed=seed,
            seed_userinfo=lambda: seed("ES256", 1, "")[0],
            web=str.lower,
            machine=machine,
        )
