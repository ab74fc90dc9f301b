"""A real server for the journeys of people: four pools, and messages that are really delivered."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher

from tests.dev_server import PASSWORD
from tests.system.installation import Installation, installation
from tests.system.post import Post, open_post

POOLS = Path(__file__).parent / "pools"
CLUB, BANK, KEYS, GUEST = "club_Pool1", "bank_Pool1", "keys_Pool1", "guest_Pool1"

# Whoever is changed by a journey belongs to it alone.
PEOPLE = {
    CLUB: (
        "amy",
        "ben",
        "cleo",
        "eve",
        "gwen",
        "jack",
        "liam",
        "mona",
        "nils",
        "olga",
        "pete",
        "quinn",
        "rosa",
        "vera",
        "theo",
        "otto",
    ),
    BANK: ("uma",),
    KEYS: ("xena", "bea", "yara", "zoe", "ida", "wes", "rex", "una", "abe"),
    GUEST: ("ida",),
}

_PERSON = """
[[users]]
username = "{name}"
password_hash = "{password_hash}"
email = "{name}@example.com"
email_verified = true
phone_number = "{phone_number}"
phone_number_verified = true
[users.attributes]
name = "{name}"
"""


def phone_number(name: str) -> str:
    """Everybody has one."""
    everybody = [person for pool in PEOPLE.values() for person in pool]
    return f"+8210{5550_0000 + everybody.index(name)}"


@dataclass(frozen=True)
class Club:
    """The server, and where its messages arrive."""

    installation: Installation
    post: Post

    @property
    def base_url(self) -> str:
        return self.installation.base_url

    @property
    def data_dir(self) -> Path:
        return self.installation.data_dir

    def issuer(self, pool: str) -> str:
        return self.installation.issuer(pool)

    def faults(self) -> list[str]:
        """What its log says of errors, and what is no line of a log at all."""
        lines = [line for line in self.installation.log().splitlines(keepends=True) if line.endswith("\n")]
        records = [json.loads(line) if line.startswith("{") else {"level": "error", "event": line} for line in lines]
        return [str(record) for record in records if record["level"] in {"error", "critical"}]


@contextlib.contextmanager
def open_club(folder: Path) -> Iterator[Club]:
    """The server, ready."""
    password_hash = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    pools = {}
    for pool, people in PEOPLE.items():
        text = (POOLS / f"{pool.partition('_')[0]}.toml").read_text()
        seeds = [
            _PERSON.format(name=name, password_hash=password_hash, phone_number=phone_number(name)) for name in people
        ]
        pools[pool] = text + "".join(seeds)
    with open_post() as post:
        extra = f'[mail]\nurl = "{post.mail_url}"\n[sms]\nurl = "{post.sms_url}"\n[outbound]\nallow = ["127.0.0.1", "localhost", "::1"]\n'
        with installation(folder, pools=pools, extra=extra, host="localhost") as running:
            yield Club(running, post)
