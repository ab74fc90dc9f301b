"""People of an LDAP directory: taken over at their first sign-in, from a real OpenLDAP server on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import b64url
from authserver.effects import SystemRandom
from authserver.model.ldap import LdapGroups, LdapPolicy, ldap_record
from authserver.model.pools import AttributeDefinition, Pool, RecoveryPolicy
from authserver.model.users import User
from tests.journeys.command_line import Terminal
from tests.journeys.house import MASTER, PASSWORD, POOL, Browser, House, answered, each, error_code, house, pool
from tests.journeys.people import NEW_PASSWORD, fault_at, link_of, step_of, words_of
from tests.journeys.test_trigger_journeys import at
from tests.openldap import BASE_DN, GROUPS, PEOPLE, READER, READER_PASSWORD, OpenLdap, open_ldap

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("openldap")]

CAROL = "carol's-password-there"
FILTER = "(&(objectClass=inetOrgPerson)(|(uid={username})(mail={username})))"
MAPPING = {"username": "uid", "email": "mail", "given_name": "givenName", "family_name": "sn"}


@pytest.fixture(scope="module")
def ldap() -> Iterator[OpenLdap]:
    """Carol and Dave, who is in the group `engineering`, and two people who share an address."""
    with open_ldap() as server:
        server.add_person("carol", CAROL, givenName="Carol", sn="Danvers")
        dave = server.add_person("dave", "dave's-password-there")
        server.add_group("engineering", dave)
        server.add_group("choir", dave)
        server.add_person("twin-1", "twin's-password", mail="twins@example.com")
        server.add_person("twin-2", "twin's-password", mail="twins@example.com")
        server.add_person("*", "a-star's-password")
        yield server


def asks(server: OpenLdap, **changes: Any) -> Pool:
    """A pool that asks this directory; `ldap_`... are changes of how, the others of the pool."""
    sealed = Sealer(MASTER, SystemRandom()).seal(READER_PASSWORD.encode(), ldap_record(POOL))
    policy = LdapPolicy(
        url=server.tls_url,
        ca=server.ca,
        bind_dn=READER,
        sealed_password=b64url(sealed),
        base_dn=PEOPLE,
        filter=FILTER,
        attribute_mapping=MAPPING,
        email_verified=True,
    )
    own = {name.removeprefix("ldap_"): changes.pop(name) for name in list(changes) if name.startswith("ldap_")}
    return pool(ldap=replace(policy, **own), **changes)


def asking(server: OpenLdap, **changes: Any) -> contextlib.AbstractAsyncContextManager[House]:
    return house(asks(server, **changes), allow=("127.0.0.1",))


async def found(at_: House, name: str = "carol") -> User | None:
    return await at_.stores.directory.find_user(POOL, name, ("username",))


def look(page: httpx.Response, name: str) -> str:
    """What the page says, but for whom it names and the letter that stands for a picture."""
    return words_of(page).replace(name, "").replace(f" {name[0].upper()} ", " ")


def told(at_: House, kind: str) -> list[Any]:
    return [dict(e.details) for e in at_.events if e.kind == kind]


# ------------------------------------------------------------------------------------------------------ at sign-in


@each("name", ("carol", "CAROL", "carol@example.com"))
async def test_somebody_unknown_moves_in_and_the_directory_is_not_asked_again(ldap: OpenLdap, name: str) -> None:
    async with asking(ldap) as at_:
        assert "code" in answered(await at_.browser().sign_in(name, CAROL))
        carol = await found(at_)
        assert carol is not None
        assert (carol.username, carol.email, carol.email_verified) == ("carol", "carol@example.com", True)
        assert (carol.state, carol.groups) == ("confirmed", ())
        assert carol.attributes == {"given_name": "Carol", "family_name": "Danvers"}
        assert told(at_, "user.migrated") == [{}]
        with ldap.stopped():
            assert "code" in answered(await at_.browser().sign_in(name, CAROL))
            assert "code" in answered(await at_.browser().sign_in("carol", CAROL))
            assert (await at_.browser().sign_in("carol", "another-password")).status_code == 422


async def test_a_wrong_password_and_a_name_that_nobody_has_are_one_answer_with_the_same_questions(
    ldap: OpenLdap,
) -> None:
    async with asking(ldap) as at_:
        asked: list[list[str]] = []
        pages = []
        for name in ("carol", "nobody"):
            with ldap.listening() as lines:
                page = await at_.browser().sign_in(name, "wrong-password")
            asked.append([word for line in lines for word in ("BIND dn", "SRCH base", "UNBIND") if f" {word}" in line])
            pages.append((page.status_code, fault_at(page, "password"), look(page, name)))
        assert pages[0] == pages[1]
        assert pages[0][0] == 422
        assert asked[0] == asked[1]
        assert asked[0].count("SRCH base") == 1
        assert await found(at_) is None
        assert [d["outcome"] for d in told(at_, "ldap.answered")] == ["refused", "unknown"]
        assert told(at_, "user.not_migrated") == []


async def test_guesses_at_names_of_the_directory_are_limited_like_all_others(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        browser = at_.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="carol"))
        for _ in range(10):
            assert (await browser.submit(page, step="password", password="wrong-password")).status_code == 422
        with ldap.listening() as lines:
            assert (await browser.submit(page, step="password", password=CAROL)).status_code == 429
        assert lines == [], "a guess too many does not reach the directory"
        at_.time.pass_(2)
        assert "code" in answered(await browser.submit(page, step="password", password=CAROL))


async def test_a_name_of_this_pool_never_leads_to_the_directory(ldap: OpenLdap) -> None:
    ldap.add_person("ada", "ada's-password-there")
    try:
        async with asking(ldap) as at_:
            with ldap.listening() as lines:
                assert (await at_.browser().sign_in("ada", "ada's-password-there")).status_code == 422
                assert "code" in answered(await at_.browser().sign_in("ada", PASSWORD))
            assert lines == []
    finally:
        ldap.delete(f"uid=ada,{PEOPLE}")


async def test_two_tabs_at_once_are_both_let_in_and_one_user_is_made(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        both = await asyncio.gather(*(at_.browser().sign_in("carol", CAROL) for _ in range(2)))
        assert all("code" in answered(answer) for answer in both)
        assert len(told(at_, "user.migrated")) == 1


@each(
    "name",
    ("*", "*)(uid=*", "carol)(objectClass=*", "car*", "carol)(|(uid=*", "\\63arol", "carol\\00", "{username}", "{dn}"),
)
async def test_no_name_is_read_as_a_part_of_the_filter(ldap: OpenLdap, name: str) -> None:
    async with asking(ldap) as at_:
        assert (await at_.browser().sign_in(name, CAROL)).status_code == 422
        assert await found(at_) is None


async def test_a_name_that_looks_like_a_filter_is_a_name(ldap: OpenLdap) -> None:
    """The valid twin: somebody really is called that."""
    async with asking(ldap) as at_:
        assert "code" in answered(await at_.browser().sign_in("*", "a-star's-password"))
        star = await found(at_, "*")
        assert star is not None
        assert star.email == "*@example.com"


async def test_what_the_directory_takes_for_equal_is_not_another_name_to_guess_by(ldap: OpenLdap) -> None:
    """Its rules drop spaces: `cn=Ann  Lee` finds Ann Lee. Each spelling would have ten guesses of its own."""
    ldap.add_person("ann", "ann's-password", cn="Ann Lee")
    try:
        async with asking(ldap, ldap_filter="(cn={username})", ldap_attribute_mapping={"username": "cn"}) as at_:
            assert (await at_.browser().sign_in("Ann   Lee", "ann's-password")).status_code == 422
            assert [d["outcome"] for d in told(at_, "ldap.answered")] == ["unknown"]
            assert "code" in answered(await at_.browser().sign_in("ann lee", "ann's-password"))
    finally:
        ldap.delete(f"uid=ann,{PEOPLE}")


async def test_a_name_that_several_entries_have_lets_nobody_in(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        assert (await at_.browser().sign_in("twins@example.com", "twin's-password")).status_code == 422
        (reason,) = told(at_, "user.not_migrated")
        assert reason == {"username": "twins@example.com", "reason": "several entries of the directory have this name"}
        assert "code" not in (await at_.browser().sign_in("twin-1", "wrong")).headers.get("location", "")


@each("password", {"empty": "", "with a NUL": f"{CAROL}\0", "too long": "x" * 1025})
async def test_a_password_that_proves_nothing_is_never_sent(ldap: OpenLdap, password: str) -> None:
    """RFC 4513 5.1.2: a name without a password is an unauthenticated bind, and some directories say yes to it."""
    async with asking(ldap) as at_:
        with ldap.listening() as lines:
            assert (await at_.browser().sign_in("carol", password)).status_code == 422
            outcome = await at_.wired.directories.prove(asks(ldap), "carol", password)
        assert outcome == "refused"
        assert lines == []


async def test_who_could_not_sign_in_by_this_name_again_is_not_taken_over(ldap: OpenLdap) -> None:
    """The address is not proven here, and so is no name of hers."""
    async with asking(ldap, ldap_email_verified=False) as at_:
        assert (await at_.browser().sign_in("carol@example.com", CAROL)).status_code == 422
        (reason,) = told(at_, "user.not_migrated")
        assert "sign_in_with" in reason["reason"]
        assert "code" in answered(await at_.browser().sign_in("carol", CAROL))
        carol = await found(at_)
        assert carol is not None
        assert (carol.email, carol.email_verified) == ("carol@example.com", False)


async def test_who_lacks_what_the_pool_requires_is_told_to_the_operator(ldap: OpenLdap) -> None:
    async with asking(ldap, attributes=(AttributeDefinition("birthdate", required=True),)) as at_:
        assert (await at_.browser().sign_in("carol", CAROL)).status_code == 422
        (reason,) = told(at_, "user.not_migrated")
        assert "birthdate" in reason["reason"]
    async with asking(ldap, ldap_attribute_mapping={"username": "employeeNumber"}) as at_:
        assert (await at_.browser().sign_in("carol", CAROL)).status_code == 422
        assert told(at_, "user.not_migrated") == [{"username": "carol", "reason": "the entry has no `employeeNumber`"}]


async def test_values_that_do_not_fit_are_left_out_and_of_several_the_first_is_taken(ldap: OpenLdap) -> None:
    ldap.add_person(
        "eve", "eve's-password", givenName="Eve\ngivenName: Evelyn", employeeNumber="not a number", title="x" * 3000
    )
    floor = AttributeDefinition("custom:floor", type="number")
    mapping = {**MAPPING, "custom:floor": "employeeNumber", "nickname": "title"}
    try:
        async with asking(ldap, ldap_attribute_mapping=mapping, attributes=(floor,)) as at_:
            assert "code" in answered(await at_.browser().sign_in("eve", "eve's-password"))
            eve = await found(at_, "eve")
            assert eve is not None
            assert eve.attributes == {"given_name": "Eve", "family_name": "Example"}
            (line,) = [entry for entry in at_.logs if "do not fit" in entry["event"]]
            assert "custom:floor" in line["detail"]
            assert "nickname has 3000 characters" in line["detail"]
    finally:
        ldap.delete(f"uid=eve,{PEOPLE}")


# ---------------------------------------------------------------------------------------------------------- groups


@each(
    "how",
    {
        "by attribute": LdapGroups(source="memberOf"),
        "by search": LdapGroups(base_dn=GROUPS, filter="(&(objectClass=groupOfNames)(member={dn}))"),
    },
)
async def test_groups_are_those_that_the_pool_has_a_name_for(ldap: OpenLdap, how: LdapGroups) -> None:
    names = {f"CN=Engineering, {GROUPS}": "staff", f"cn=board,{GROUPS}": "all", f"cn=choir,{GROUPS}": "no-such-group"}
    async with asking(ldap, ldap_groups=replace(how, names=names)) as at_:
        assert "code" in answered(await at_.browser().sign_in("dave", "dave's-password-there"))
        dave = await found(at_, "dave")
        assert dave is not None
        assert dave.groups == ("staff",)
        assert "code" in answered(await at_.browser().sign_in("carol", CAROL))
        carol = await found(at_)
        assert carol is not None
        assert carol.groups == ()


# ------------------------------------------------------------------------------------------------------ encryption


async def test_starttls_comes_before_any_name(ldap: OpenLdap) -> None:
    async with asking(ldap, ldap_url=ldap.url) as at_:
        with ldap.listening() as lines:
            assert "code" in answered(await at_.browser().sign_in("carol", CAROL))
        said = [line for line in lines if " BIND dn" in line or " STARTTLS" in line or " SRCH " in line]
        assert "STARTTLS" in said[0]
        assert any("TLS established" in line for line in lines)


@each("url", ("url", "tls_url"))
async def test_a_certificate_of_a_stranger_ends_it(ldap: OpenLdap, url: str) -> None:
    async with asking(ldap, ldap_url=getattr(ldap, url), ldap_ca="") as at_:
        with ldap.listening() as lines:
            assert (await at_.browser().sign_in("carol", CAROL)).status_code == 503
        assert not any(" BIND " in line for line in lines)
        assert "certificate" in told(at_, "ldap.failed")[0]["reason"].lower()


async def test_a_certificate_for_another_name_ends_it(ldap: OpenLdap) -> None:
    elsewhere = ldap.tls_url.replace("127.0.0.1", "localhost")
    async with house(asks(ldap, ldap_url=elsewhere), allow=("localhost",)) as at_:
        with ldap.listening() as lines:
            assert (await at_.browser().sign_in("carol", CAROL)).status_code == 503
        assert not any(" BIND " in line for line in lines)


async def test_in_the_clear_only_where_it_is_allowed_by_name(ldap: OpenLdap) -> None:
    plain = asks(ldap, ldap_url=ldap.url, ldap_start_tls=False)
    async with house(plain, allow=("10.0.0.0/8",)) as at_:
        assert (await at_.browser().sign_in("carol", CAROL)).status_code == 503
        assert "plain ldap is not allowed there" in told(at_, "ldap.failed")[0]["reason"]
    async with house(plain, allow=("127.0.0.1",)) as at_:
        assert "code" in answered(await at_.browser().sign_in("carol", CAROL))


async def test_private_addresses_are_out_of_reach_unless_they_are_allowed(ldap: OpenLdap) -> None:
    async with house(asks(ldap)) as at_:
        assert (await at_.browser().sign_in("carol", CAROL)).status_code == 503
        assert "outbound.allow" in told(at_, "ldap.failed")[0]["reason"]


# ------------------------------------------------------------------------------------------------ when it does not work


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A server that takes connections and says nothing; its port."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in held:
            writer.close()


async def test_a_dead_directory_says_so_lets_nobody_in_and_is_left_alone_after_a_while(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        with ldap.stopped():
            for _ in range(6):
                page = await at_.browser().sign_in("carol", CAROL)
                assert page.status_code == 503
                assert error_code(page) == "unavailable"
            assert "code" in answered(await at_.browser().sign_in("ada", PASSWORD)), "who is here is not kept waiting"
        failures = [d["reason"] for d in told(at_, "ldap.failed")]
        assert "cannot be connected to" in failures[0]
        assert "left alone" in failures[5]
        assert all(CAROL not in str(entry) for entry in at_.logs)
        at_.time.pass_(11)
        assert "code" in answered(await at_.browser().sign_in("carol", CAROL)), "nothing was lost by it"


async def test_a_slow_directory_takes_its_time_limit_and_holds_up_nobody_else(ldap: OpenLdap) -> None:
    async with silent() as port, asking(ldap, ldap_url=f"ldaps://127.0.0.1:{port}", ldap_timeout=3.0) as at_:
        waiting = [asyncio.create_task(at_.browser().sign_in(f"carol-{n}", CAROL)) for n in range(12)]
        await asyncio.sleep(0.3)
        assert "code" in answered(await at_.browser().sign_in("ada", PASSWORD))
        assert not any(task.done() for task in waiting), "who is here was faster than the directory's time limit"
        assert {(await task).status_code for task in waiting} == {503}
        assert all("within 3 s" in d["reason"] or "too long" in d["reason"] for d in told(at_, "ldap.failed"))


@each(
    "wrong",
    {
        "password": ({"ldap_sealed_password": None}, "no password"),
        "seal": ({"ldap_sealed_password": b64url(b"x" * 60)}, "unknown master key"),
        "account": ({"ldap_bind_dn": f"cn=nobody,{BASE_DN}"}, "does not let us bind as cn=nobody"),
        "base": ({"ldap_base_dn": f"ou=nowhere,{BASE_DN}"}, "does not search"),
    },
)
async def test_a_directory_that_is_set_up_wrong_fails_with_its_reason(ldap: OpenLdap, wrong: Any) -> None:
    changes, reason = wrong
    async with asking(ldap, **changes) as at_:
        assert (await at_.browser().sign_in("carol", CAROL)).status_code == 503
        assert reason in told(at_, "ldap.failed")[0]["reason"]
        (line,) = [entry for entry in at_.logs if entry["event"] == "the directory failed"]
        assert reason in line["detail"]


async def test_a_reference_to_another_server_is_not_followed(ldap: OpenLdap) -> None:
    asked = []

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(1)
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    elsewhere = f"ou=elsewhere,{PEOPLE}"
    lines = "objectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\n"
    ldap.add(f"dn: {elsewhere}\n{lines}ref: ldap://127.0.0.1:{port}/{elsewhere}\n")
    try:
        async with asking(ldap) as at_:
            assert (await at_.browser().sign_in("frank", "frank's-password")).status_code == 422
            assert "code" in answered(await at_.browser().sign_in("carol", CAROL))
        async with asking(ldap, ldap_base_dn=elsewhere) as at_:
            assert (await at_.browser().sign_in("carol", CAROL)).status_code == 503
        assert asked == []
    finally:
        ldap.delete(elsewhere)
        server.close()


async def test_a_pool_without_the_table_asks_nobody(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        await at_.change_pool(ldap=LdapPolicy())
        with ldap.listening() as lines:
            assert (await at_.browser().sign_in("carol", CAROL)).status_code == 422
            await forgot(at_.browser(), "carol")
        assert lines == []


# ------------------------------------------------------------------------------------------------ beside a trigger


async def test_beside_a_trigger_the_directory_is_asked_first_and_who_knows_the_name_decides(ldap: OpenLdap) -> None:
    triggers = (at("user_migration", "other_system"),)
    async with asking(ldap, triggers=triggers) as at_:
        # The trigger would take this password for anybody; Carol is the directory's to judge.
        assert (await at_.browser().sign_in("carol", "password-of-the-old-system")).status_code == 422
        assert await found(at_) is None
        assert "code" in answered(await at_.browser().sign_in("harriet", "password-of-the-old-system"))
        with ldap.stopped():
            assert (await at_.browser().sign_in("iris", "password-of-the-old-system")).status_code == 503
        assert await found(at_, "iris") is None
        assert "code" in answered(await at_.browser().sign_in("dave", "dave's-password-there"))


# ------------------------------------------------------------------------------------------------------ at recovery


async def forgot(browser: Browser, name: str) -> httpx.Response:
    """From the first page to the one that waits for the code."""
    page = await browser.login_page()
    page = await browser.open(await browser.submit(page, step="identifier", username=name))
    page = await browser.http.get(link_of(page, "forgot-password"))
    return await browser.submit(page, step="recover", username=name)


@each("name", ("carol", "carol@example.com"))
async def test_a_forgotten_password_of_the_directory_is_replaced_by_a_code(ldap: OpenLdap, name: str) -> None:
    async with asking(ldap) as at_:
        browser = at_.browser()
        with ldap.listening() as lines:
            page = await browser.open(await forgot(browser, name))
        assert [line for line in lines if " BIND dn" in line and READER not in line] == [], "nobody else's bind"
        carol = await found(at_)
        assert carol is not None
        assert carol.state == "reset_required"
        with ldap.stopped():
            assert (await at_.browser().sign_in("carol", CAROL)).status_code == 422, "the password there is none here"
            code = await at_.last_code("carol@example.com")
            done = await browser.submit(page, step="recover_code", code=code, new_password=NEW_PASSWORD)
            assert "code" in answered(done)
            assert "code" in answered(await at_.browser().sign_in("carol", NEW_PASSWORD))


async def test_a_forgotten_password_of_nobody_looks_the_same(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        pages = []
        for name in ("carol", "nobody", "ada", "twins@example.com"):
            browser = at_.browser()
            page = await browser.open(await forgot(browser, name))
            pages.append((page.status_code, step_of(page), look(page, name)))
        assert len(set(pages)) == 1
        assert [d["outcome"] for d in told(at_, "ldap.answered")] == ["found", "unknown", "ambiguous"]


async def test_without_a_proven_address_nobody_is_taken_over_by_a_forgotten_password(ldap: OpenLdap) -> None:
    """They could enter neither by a code nor any longer by the password that they have there."""
    for changes in ({"ldap_email_verified": False}, {"recovery": RecoveryPolicy(by=("sms",))}):
        async with asking(ldap, **changes) as at_:
            browser = at_.browser()
            assert (await browser.open(await forgot(browser, "carol"))).status_code == 200
            assert await found(at_) is None
            assert "code" in answered(await at_.browser().sign_in("carol", CAROL))


async def test_a_forgotten_name_is_asked_about_so_often_and_no_more(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        for _ in range(7):
            await forgot(at_.browser(), "nobody")
        assert len(told(at_, "ldap.answered")) == 5
        at_.time.pass_(3601)
        await forgot(at_.browser(), "nobody")
        assert len(told(at_, "ldap.answered")) == 6


async def test_a_recovery_while_the_directory_is_dead_can_be_tried_again(ldap: OpenLdap) -> None:
    async with asking(ldap) as at_:
        browser = at_.browser()
        with ldap.stopped():
            assert (await forgot(browser, "carol")).status_code == 503
            other = at_.browser()
            assert step_of(await other.open(await forgot(other, "ada"))) == "recover_code"
        page = await browser.open(await forgot(browser, "carol"))
        assert step_of(page) == "recover_code"
        assert await found(at_) is not None


# ------------------------------------------------------------------------------------------------------- commands

TABLE = """
[pool]
id = "t_Pool1"
[pool.ldap]
url = "{url}"
ca_file = "ca.pem"
bind_dn = "{reader}"
bind_password = {{ env = "READER_PASSWORD" }}
base_dn = "{people}"
filter = "(uid={{username}})"
attribute_mapping = {{ username = "uid" }}
[pool.ldap.groups]
base_dn = "{groups}"
filter = "(member={{dn}})"
names = {{ "cn=engineering,{groups}" = "staff" }}
[[groups]]
name = "staff"
"""


@pytest.fixture
def table(ldap: OpenLdap, bare: Terminal) -> str:
    """A pool file in the shell's folder, and the password in its environment."""
    bare.environ = {"READER_PASSWORD": READER_PASSWORD}
    bare.write("ca.pem", ldap.ca)
    return TABLE.format(url=ldap.tls_url, reader=READER, people=PEOPLE, groups=GROUPS)


def test_check_connects_and_binds(ldap: OpenLdap, bare: Terminal, table: str) -> None:
    done = bare("check", bare.write("pool.toml", table))
    assert done.code == 0, done.err
    assert f"directory: {ldap.tls_url} lets us search {PEOPLE}" in done.out
    for text, reason in (
        (table.replace(READER, f"cn=nobody,{BASE_DN}"), "does not let us bind as cn=nobody"),
        (table.replace(f'base_dn = "{PEOPLE}"', f'base_dn = "ou=nowhere,{BASE_DN}"'), "shows us no ou=nowhere"),
        (table.replace(f'base_dn = "{GROUPS}"', f'base_dn = "ou=nowhere,{BASE_DN}"'), "shows us no ou=nowhere"),
        (table.replace('ca_file = "ca.pem"\n', ""), "no TLS with 127.0.0.1"),
    ):
        done = bare("check", bare.write("pool.toml", text))
        assert done.code == 1
        assert reason in done.err
        assert READER_PASSWORD not in done.out + done.err


def test_check_reaches_this_machine_only_where_the_server_would(bare: Terminal, table: str) -> None:
    bare.write("poolgate.toml", 'base_url = "https://login.example.com"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    assert "outbound.allow" in bare("check", bare.write("pool.toml", table)).err


def test_check_warns_of_what_is_unsafe(ldap: OpenLdap, bare: Terminal, table: str) -> None:
    plain = table.replace(ldap.tls_url, f'{ldap.url}"\nstart_tls = false\ntimeout = "2s').replace(
        'ca_file = "ca.pem"\n', ""
    )
    codes = {w["code"] for w in bare("check", bare.write("pool.toml", plain), "--json").value["warnings"]}
    assert "plain_ldap" in codes
    nobody = table.replace(f'bind_dn = "{READER}"\n', "").replace('bind_password = { env = "READER_PASSWORD" }\n', "")
    found_out = bare("check", bare.write("pool.toml", nobody), "--json").value
    assert "anonymous_ldap" in {w["code"] for w in found_out["warnings"]}
    inline = table.replace('{ env = "READER_PASSWORD" }', f'"{READER_PASSWORD}"')
    said = bare("check", bare.write("pool.toml", inline), "--json").value["warnings"]
    assert any("`ldap.bind_password`" in w["sentence"] for w in said)


async def stored(shell: Terminal) -> LdapPolicy:
    found_pool = await shell.place.stores.registry.pool("t_Pool1")
    assert found_pool is not None
    return found_pool.ldap


def test_the_password_is_stored_sealed_and_a_change_shows_without_it(
    bare: Terminal, table: str, tmp_path: Path
) -> None:
    bare.place.key_ring.ensure = bare.place.quick_keys  # type: ignore[assignment,method-assign] - real keys take a third of a second
    name = bare.write("pool.toml", table)
    first = bare("apply", name)
    assert first.code == 0, first.err
    assert READER_PASSWORD not in first.out
    policy = asyncio.run(stored(bare))
    assert policy.sealed_password is not None
    assert READER_PASSWORD not in str(policy)
    assert "up to date" in bare("apply", name).out
    bare.environ = {"READER_PASSWORD": "another-password"}
    shown = bare("apply", name, "--dry-run").out
    assert "ldap.bind_password" in shown
    assert "(secret changed)" in shown
    bare("apply", name)
    other = asyncio.run(stored(bare))
    assert other.sealed_password not in {None, policy.sealed_password}
    without = table[: table.index("[pool.ldap]")]
    assert "ldap.url" in bare("apply", bare.write("pool.toml", without), "--dry-run").out
    bare("apply", bare.write("pool.toml", without))
    assert asyncio.run(stored(bare)) == LdapPolicy()
