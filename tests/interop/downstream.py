"""A server of ours for applications that nobody here wrote: one pool, its people, and what the applications say of themselves."""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from argon2 import PasswordHasher

from tests.dev_server import PASSWORD
from tests.interop.traveller import Page, Traveller
from tests.system.installation import Installation, installation

POOL = "acme_Pool1"

_POOL = """
[pool]
id = "{pool}"
name = "Acme"
[pool.mfa]
nudge = false

[[groups]]
name = "staff"

[[groups]]
name = "rowers"

[[users]]
username = "ada"
password_hash = "{password_hash}"
email = "ada@acme.example"
email_verified = true
groups = ["staff", "rowers"]
attributes = {{ name = "Ada Lovelace", given_name = "Ada", family_name = "Lovelace" }}

[[users]]
username = "alan"
password_hash = "{password_hash}"
email = "alan@acme.example"
groups = ["staff"]
attributes = {{ name = "Alan Türing", given_name = "Alan", family_name = "Türing & <Söhne>" }}
"""


@dataclass(frozen=True)
class Downstream:
    """The server."""

    at: Installation

    @property
    def issuer(self) -> str:
        return self.at.issuer(POOL)

    @property
    def entity_id(self) -> str:
        """What applications call us, and where our metadata is."""
        return f"{self.issuer}/saml2/idp/metadata"

    def metadata(self) -> bytes:
        answer = httpx.get(self.entity_id, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.content

    def start_url(self, client_id: str, **parameters: str) -> str:
        """Where a sign-on begins that the application did not ask for."""
        return f"{self.issuer}/saml2/idp/start?{urlencode({'client_id': client_id, **parameters})}"

    def set_up(self, tables: str) -> None:
        """Add `[[service_providers]]` to the pool file and apply it, as an operator does. Raises AssertionError."""
        file = self.at.folder / f"{POOL}.toml"
        file.write_text(_pool_file() + tables)
        self.run("apply", str(file))

    def run(self, *arguments: str) -> str:
        """A command of the command line, beside the running server. Raises AssertionError."""
        done = self.at.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind that the log has, oldest first."""
        return [record for record in self.at.records() if record.get("event") == kind]

    def settle(self) -> None:
        """Nothing may have gone wrong here, whatever went wrong there."""
        faults = [r for r in self.at.records() if r.get("level") in {"error", "critical"}]
        assert faults == []


@contextlib.contextmanager
def downstream(folder: Path, tables: str = "") -> Iterator[Downstream]:
    """The server, with `[[service_providers]]`, whose files are in `folder` already."""
    with installation(folder, pools={POOL: _pool_file() + tables}, host="localhost") as at:
        yield Downstream(at)


@functools.cache
def _pool_file() -> str:
    password_hash = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    return _POOL.format(pool=POOL, password_hash=password_hash)


class Member(Traveller):
    """Somebody of the pool. Addresses that begin with one of `ends` are not visited."""

    def __init__(self, server: Downstream, *ends: str) -> None:
        super().__init__(*ends)
        self.server = server

    def is_asked(self, page: Page) -> bool:
        """Whether it is our first page: somebody is to say who they are."""
        return page.url.startswith(f"{self.server.issuer}/login") and page.error is None

    def prove(self, page: Page, name: str) -> Page:
        """Through our pages, by name and password."""
        assert self.is_asked(page), f"{page.url} {page.status}:\n{page.text}"
        page = self.submit(page, "continue", username=name)
        return self.submit(page, "continue", password=PASSWORD)

    def sign_out(self) -> Page:
        """On our own page."""
        return self.submit(self.visit(f"{self.server.issuer}/logout"), "sign-out")
