"""One server, one browser and one client site for the whole folder; a fresh context for each person.

Journeys of people (sign-up, factors, the account page) have a server of their own, the club, whose messages are really
delivered; they are a group of their own, so that two processes share the work.

Everything ends with the folder: the browser's event loop must not be running when asynchronous tests follow.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import client_app
from tests.browser.client_app import ClientApp, Site
from tests.browser.club import BANK, CLUB, GUEST, KEYS, POOLS, Club, open_club
from tests.browser.looking import Looker
from tests.browser.member import Member, member_at
from tests.browser.person import Person, quiet
from tests.dev_server import POOL_FILE, DevServer, running
from tests.tools import chromium, chromium_arguments

_PATIENCE = 20_000
"""Milliseconds for anything to happen on a page."""

Arrive = Callable[..., Person]
Come = Callable[..., Member]
Command = Callable[..., str]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of a group in one process, and so with one server and one browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """`poolgate dev` with the people and clients of `extras.toml` added to its pool."""
    folder = tmp_path_factory.mktemp("browser")
    pool_file = folder / "pool.toml"
    pool_file.write_text(POOL_FILE.read_text() + client_app.EXTRAS.read_text())
    with running(folder) as server:
        _command(server, "apply", str(pool_file))
        yield server


def _command(server: DevServer, *arguments: str) -> str:
    program = str(Path(sys.executable).with_name("poolgate"))
    done = subprocess.run(
        [program, *arguments, "--data-dir", str(server.data_dir)],
        cwd=server.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="package")
def command(server: DevServer) -> Command:
    """Runs `poolgate ...` beside the running server and returns what it printed."""
    return partial(_command, server)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # A GPU process of its own costs a third of the time, and there is no GPU.
        arguments = [*chromium_arguments(), "--in-process-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        expect.set_options(timeout=_PATIENCE)
        yield browser
        browser.close()
    # Playwright's synchronous face leaves its closed loop behind as the thread's current one.
    asyncio.set_event_loop(None)


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """A site of another origin, for clients and for attackers."""
    with client_app.serving() as site:
        yield site


@pytest.fixture
def harbour(server: DevServer, site: Site) -> ClientApp:
    """A client whose people are asked for their consent."""
    return ClientApp("harbour", server.issuer, site)


@pytest.fixture
def lighthouse(server: DevServer, site: Site) -> ClientApp:
    """A client beside the demo app, trusted as that one is."""
    return ClientApp("lighthouse", server.issuer, site)


@pytest.fixture
def arrive(browser: Browser, server: DevServer) -> Iterator[Arrive]:
    """Makes a person with a new browser profile; arguments are Playwright's for a context.

    At the end nobody may have seen a console error, a breach of a policy, a failed request or a refusal, and the server
    may not have logged an error, but for what the test said was meant.
    """
    people: list[Person] = []

    def make(**options: Any) -> Person:
        context = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **options})
        context.set_default_timeout(_PATIENCE)
        people.append(Person(context, server, context.new_page()))
        return people[-1]

    with quiet(server):
        yield make
        for person in people:
            person.context.close()
    for person in people:
        person.content()


@pytest.fixture
def person(arrive: Arrive) -> Person:
    """Somebody with a new browser profile, in English."""
    return arrive()


# ------------------------------------------------------------------------------------------------ journeys of people


@pytest.fixture(scope="package")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Club]:
    """`poolgate serve` with three pools, over SQLite and the embedded Valkey, a real SMTP server and a real webhook."""
    with open_club(tmp_path_factory.mktemp("club")) as club:
        yield club


@pytest.fixture(scope="package")
def looker(browser: Browser) -> Iterator[Looker]:
    """axe, for the pages of the club."""
    looker = Looker(browser)
    yield looker
    looker.close()


def _client(club: Club, site: Site, pool: str, client_id: str) -> ClientApp:
    return ClientApp(client_id, club.issuer(pool), site, pool_file=POOLS / f"{pool.partition('_')[0]}.toml")


@pytest.fixture
def regatta(club: Club, site: Site) -> ClientApp:
    """A client of the pool that asks for everything and demands little."""
    return _client(club, site, CLUB, "club-regatta")


@pytest.fixture
def market(club: Club, site: Site) -> ClientApp:
    """Another one there, whose people are asked for their consent."""
    return _client(club, site, CLUB, "club-market")


@pytest.fixture
def ledger(club: Club, site: Site) -> ClientApp:
    """A client of the pool that demands a second factor."""
    return _client(club, site, BANK, "bank-ledger")


@pytest.fixture
def forge(club: Club, site: Site) -> ClientApp:
    """A client of the pool that would rather have passkeys."""
    return _client(club, site, KEYS, "keys-forge")


@pytest.fixture
def book(club: Club, site: Site) -> ClientApp:
    """A client of the pool whose people come from another provider."""
    return _client(club, site, GUEST, "guest-book")


@pytest.fixture
def come(browser: Browser, club: Club, looker: Looker) -> Iterator[Come]:
    """Makes a person with a new browser profile, without scripts unless asked for. Ends as `arrive` does."""
    members: list[Member] = []
    faults = len(club.faults())

    def make(name: str = "", pool: str = CLUB, *, scripts: bool = False, **options: Any) -> Member:
        chosen = {"locale": "en-GB", "reduced_motion": "reduce", "java_script_enabled": scripts, **options}
        context = browser.new_context(**chosen)
        context.set_default_timeout(_PATIENCE)
        members.append(member_at(context, club, looker, pool, name))
        return members[-1]

    yield make
    for member in members:
        member.context.close()
    for member in members:
        member.content()
    assert club.faults()[faults:] == []
