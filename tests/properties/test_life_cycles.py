"""Codes, refresh families, sessions and revocation, lived through in every order (Hypothesis's state machine).

The whole server runs in process on the memory stores; `lives.World` says what must come of each step. The clock is ours.
"""

import asyncio
import base64
import contextlib
import os
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import orjson
import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from authserver.accounts.directory import Users
from authserver.crypto.secrets import digest
from authserver.events import ignore
from authserver.model.grants import RefreshFacts
from authserver.model.pools import TokenPolicy
from authserver.store.cached import LIFETIME
from tests.journeys.house import (
    ADA,
    BOB,
    CALLBACK,
    ISSUER,
    POOL,
    SECRET,
    SIGNERS,
    VERIFIER,
    House,
    Raw,
    by_password,
    client,
    house,
    pool,
    s256,
)
from tests.properties.lives import (
    ACCESS_LIVES,
    CODE_LIVES,
    GRACE,
    LONG_ACCESS_LIVES,
    REFRESH_IDLE,
    REFRESH_LIVES,
    Access,
    Code,
    Family,
    Grant,
    Person,
    Session,
    Tokens,
    World,
)

SECOND_CALLBACK = "https://app.example.com/second"
CALLBACKS = (CALLBACK, SECOND_CALLBACK)
CLIENTS = (
    client(redirect_uris=CALLBACKS),
    client("other", redirect_uris=CALLBACKS),
    client("spa", token_endpoint_auth_method="none", secret_digests=(), redirect_uris=CALLBACKS),
    client("long", redirect_uris=CALLBACKS, access_ttl=LONG_ACCESS_LIVES),
    client("code-only", redirect_uris=CALLBACKS, grant_types=("authorization_code",)),
)
NAMES = st.sampled_from([each.client_id for each in CLIENTS])
DEEDS = st.sampled_from(
    [
        *["refresh", "refresh", "redeem", "redeem", "authorize", "authorize", "refresh somehow", "redeem somehow"],
        *["refresh", "refresh", "redeem", "redeem", "ask userinfo", "let time pass", "retry late", "let time pass"],
        *["sign in", "sign out", "operate", "revoke", "come back late"],
    ]
)
"""Who does what, by weight. Hypothesis is fond of what comes first."""

MOSTLY = st.sampled_from([True] * 5 + [False])
PLACE = pool(tokens=TokenPolicy(refresh_ttl=REFRESH_LIVES, refresh_idle=REFRESH_IDLE, refresh_grace=GRACE))
THIEF = st.sampled_from([None] * 10 + [each.client_id for each in CLIENTS])
"""Another client than it should be, or mostly none."""
HOUR = 3600
T = TypeVar("T")
MOMENTS = (1, 5, GRACE - 1, GRACE, GRACE + 1, 30, 59, 60, 61)
LEAPS = (599, 600, 660, 899, 900, 901, HOUR, 8 * HOUR - 1, 8 * HOUR, 24 * HOUR - 60, 24 * HOUR, 72 * HOUR)


def recent(data: st.DataObject, things: list[T]) -> T:
    """One of the last few, or else one of all."""
    return data.draw(st.sampled_from(things[:-5:-1]) | st.sampled_from(things))


class LifeCycles(RuleBasedStateMachine):
    """One server and what people, applications, thieves and operators do to it.

    One rule draws who does what, by weights: Hypothesis's own choice among rules turns most of them off in most runs,
    and lives as long as these need nearly all.
    """

    outcomes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.opening = house(PLACE, clients=CLIENTS)
        self.at: House = self.run(self.opening.__aenter__())
        self.at.opened.key_ring._signers = dict(SIGNERS)
        self.world = World(int(self.at.time()))
        self.ada, self.bob = Person(ADA.id), Person(BOB.id)
        self.sessions = [self.open(self.ada, None), self.open(self.bob, None)]
        self.codes: list[Code] = []
        self.tokens: list[Tokens] = []
        self.verified: dict[str, dict[str, str]] = {}
        self.rotations = 0
        self.looked = (0, 0, 0)

    def teardown(self) -> None:
        try:
            self.everything_ends_as_it_should()
        finally:
            self.run(self.opening.__aexit__(None, None, None))
            self.run(self.loop.shutdown_default_executor())
            self.loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def note(self, outcome: str) -> None:
        type(self).outcomes[outcome] += 1

    # --------------------------------------------------------------------------------------- what is done

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """What needs a code or tokens becomes, while there are none, what leads to them."""
        deed = data.draw(DEEDS, label="deed")
        if (
            deed in {"refresh", "refresh somehow", "retry late", "come back late", "revoke", "ask userinfo"}
            and not self.tokens
        ):
            deed = "redeem"
        if deed in {"redeem", "redeem somehow"} and not self.codes:
            deed = "authorize"
        getattr(self, deed.replace(" ", "_"))(data)

    def sign_in(self, data: st.DataObject) -> None:
        """With the right password, perhaps in a browser that somebody is signed in with already."""
        person = data.draw(st.sampled_from([self.ada, self.bob]))
        browser = recent(data, self.sessions) if data.draw(st.booleans()) else None
        if not person.enabled:
            self.note("sign in: disabled")
            return
        self.note("sign in: " + ("fresh" if browser is None else "again"))
        self.sessions.append(self.open(person, browser))

    def open(self, person: Person, browser: Session | None) -> Session:
        before = browser if browser is not None and self.world.visit(browser) else None
        found = self.run(self.at.services.sessions.find(PLACE, browser.secret)) if browser is not None else None
        assert (found is None) == (before is None)
        proof = by_password(person.id, int(self.at.time()))
        opened, secret = self.run(self.at.services.sessions.open(PLACE, proof, found))
        return self.world.open_session(person, secret, opened.sid, before)

    def authorize(self, data: st.DataObject) -> None:
        living = [session for session in self.sessions if self.world.lives(session)]
        session = recent(data, living or self.sessions) if data.draw(MOSTLY) else recent(data, self.sessions)
        self.start(data.draw(NAMES), session, offline=data.draw(st.booleans()))

    def start(self, name: str, session: Session | None = None, *, offline: bool = False) -> None:
        """Ask for a code in the session."""
        session = session or self.sessions[0]
        query = {
            "response_type": "code",
            "client_id": name,
            "redirect_uri": CALLBACK,
            "scope": "openid offline_access" if offline else "openid",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
        }
        alive = self.world.visit(session)
        answer = self.ask("GET", "/oauth2/authorize", query=query, cookie=f"{POOL}-session={session.secret}")
        assert answer.status == 302
        location = answer.header("location") or ""
        if not alive:
            self.note("authorize: signed out")
            assert location.startswith(f"{ISSUER}/login?")
            return
        self.note("authorize: code")
        assert location.startswith(f"{CALLBACK}?"), location
        text = parse_qs(urlsplit(location).query)["code"][0]
        grant = Grant(name, session.person, session.sid, offline and name != "code-only")
        self.world.grants.append(grant)
        self.codes.append(Code(text, grant, self.world.now))

    def redeem(self, data: st.DataObject) -> None:
        code = self.some_code(data)
        self.try_code(code, code.grant.client, VERIFIER, CALLBACK)

    def some_code(self, data: st.DataObject) -> Code:
        """Mostly one that is still good."""
        fresh = [code for code in self.codes if not code.spent and self.world.now - code.issued < CODE_LIVES]
        return recent(data, (fresh if data.draw(MOSTLY) else []) or self.codes)

    def redeem_somehow(self, data: st.DataObject) -> None:
        code = self.some_code(data)
        verifier, redirect_uri = data.draw(st.sampled_from([VERIFIER, "x" * 43])), data.draw(st.sampled_from(CALLBACKS))
        self.try_code(code, data.draw(THIEF) or code.grant.client, verifier, redirect_uri)

    def try_code(self, code: Code, name: str, verifier: str, redirect_uri: str) -> None:
        spent, proven = code.spent, (verifier, redirect_uri) == (VERIFIER, CALLBACK)
        expected = self.world.redeem(code, name, proven=proven)
        answer = self.token(
            name, grant_type="authorization_code", code=code.text, code_verifier=verifier, redirect_uri=redirect_uri
        )
        if not expected:
            why = "spent" if spent else "another's" if name != code.grant.client else "refused"
            if why == "refused" and proven and code.grant.revoked:
                why = "of a revoked grant"
            self.note(f"redeem: {why}")
            self.refused(answer)
            return
        self.note("redeem: tokens")
        response = self.granted(answer)
        family = None
        if name != "code-only":
            family = Family(code.grant, [response["refresh_token"]], self.world.now, self.world.now + REFRESH_LIVES)
            self.world.families.append(family)
        else:
            assert "refresh_token" not in response
        self.received(response, code.grant, family)

    def refresh(self, data: st.DataObject) -> None:
        living = [tokens for tokens in self.tokens if tokens.family is not None and not tokens.family.grant.revoked]
        of = recent(data, living or self.tokens) if data.draw(MOSTLY) else recent(data, self.tokens)
        self.try_refresh(of, 0, of.access.grant.client, narrow=data.draw(st.booleans()))

    def refresh_somehow(self, data: st.DataObject) -> None:
        of = recent(data, self.tokens)
        self.try_refresh(of, data.draw(st.integers(0, 3)), data.draw(THIEF) or of.access.grant.client)

    def try_refresh(self, of: Tokens, age: int, name: str, *, narrow: bool = False) -> None:
        """Present the family's token that is `age` rotations old."""
        family = of.family
        if family is None:
            self.note("refresh: none")
            return
        position = max(0, len(family.chain) - 1 - age)
        expected = self.world.refresh(family, position, name)
        scope = {"scope": "openid"} if narrow else {}
        answer = self.token(name, grant_type="refresh_token", refresh_token=family.chain[position], **scope)
        if name == "code-only":
            self.note("refresh: not the client's")
            assert (answer.status, orjson.loads(answer.body)["error"]) in {
                (400, "unauthorized_client"),
                (400, "invalid_grant"),
            }
            return
        stolen = name != family.grant.client
        self.note("refresh: " + ("another's" if stolen else expected))
        if expected in {"reused", "refused"}:
            self.refused(answer)
            return
        response = self.granted(answer)
        if expected == "rotated":
            assert response["refresh_token"] not in family.chain
            family.chain.append(response["refresh_token"])
            family.rotated = self.world.now
        assert response["refresh_token"] == family.chain[-1]
        self.received(response, family.grant, family, narrow=narrow)

    def retry_late(self, data: st.DataObject) -> None:
        """The answer to a refresh got lost, and the client comes again: just in time, or just too late."""
        of = recent(data, self.tokens)
        self.try_refresh(of, 0, of.access.grant.client)
        self.pass_time(data.draw(st.sampled_from([1, GRACE - 1, GRACE, GRACE + 1])))
        self.try_refresh(of, 1, of.access.grant.client)

    def come_back_late(self, data: st.DataObject) -> None:
        """After the longest pause that a refresh token outlives, or just after it."""
        of = recent(data, self.tokens)
        self.try_refresh(of, 0, of.access.grant.client)
        self.pass_time(data.draw(st.sampled_from([REFRESH_IDLE - 1, REFRESH_IDLE])))
        self.try_refresh(of, 0, of.access.grant.client)

    def revoke(self, data: st.DataObject) -> None:
        """An access token, or a refresh token that is `age` rotations old."""
        of, age = recent(data, self.tokens), data.draw(st.none() | st.integers(0, 2))
        name = data.draw(THIEF) or of.access.grant.client
        stolen = name != of.access.grant.client
        if age is None or of.family is None:
            kind, text, counts = "access token", of.access.text, self.world.now < of.access.ends
        else:
            chain = of.family.chain
            kind, text, counts = "refresh token", chain[max(0, len(chain) - 1 - age)], not of.family.forgotten
        answer = self.ask("POST", "/oauth2/revoke", form={"token": text}, name=name)
        if stolen and counts:
            self.note(f"revoke: another's {kind}")
            self.refused(answer)
            return
        self.note(f"revoke: {kind}")
        assert answer.status == 200
        if kind == "access token":
            of.access.revoked = True
        elif counts:
            of.access.grant.revoked = True

    def ask_userinfo(self, data: st.DataObject) -> None:
        of = recent(data, self.tokens)
        self.check(of.access)
        self.note("userinfo: " + {True: "yes", False: "no", None: "either"}[self.world.works(of.access)])

    def sign_out(self, data: st.DataObject) -> None:
        self.sign_out_of(recent(data, self.sessions))

    def sign_out_of(self, session: Session) -> None:
        found = self.run(self.at.services.sessions.find(PLACE, session.secret))
        assert (found is not None) == self.world.visit(session)
        if found is None:
            self.note("sign out: over already")
            return
        self.note("sign out")
        self.run(self.at.services.sessions.end(PLACE, found))
        self.world.sign_out(session)

    def operate(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from([self.ada, self.bob]))
        deed = data.draw(st.sampled_from(["tidy up", "rotate keys", "enable", "enable", "disable"]))
        if deed == "tidy up":
            self.tidy_up()
        elif deed == "rotate keys":
            # ES256 alone signs here; making an RSA key would take a hundred times as long.
            self.run(self.at.opened.key_ring.rotate(POOL, ["ES256"]))
            self.rotations += 1
        elif person.enabled == (deed == "enable"):
            deed = f"{deed}: is already"
        else:
            self.enable_or_disable(person)
        self.note(deed)

    def tidy_up(self) -> None:
        """What the heart does in the background."""
        self.world.tidy_up()
        self.run(self.at.stores.grants.purge(self.world.now))
        self.at.opened.revocations._sweep_at = 0
        self.run(self.at.opened.revocations.follow())

    def enable_or_disable(self, person: Person) -> None:
        opened = self.at.opened
        stores = self.at.stores
        users = Users(
            stores.directory,
            stores.credentials,
            opened.passwords,
            self.at.time,
            opened.random,
            opened.revoke_user,
            ignore,
        )
        user = self.run(users.find(PLACE, person.id))
        if person.enabled:
            self.run(users.disable(PLACE, user))
            self.world.disable(person)
        else:
            self.run(users.enable(PLACE, user))
            person.enabled = True

    def let_time_pass(self, data: st.DataObject) -> None:
        """Seldom a long time, since it ends so much."""
        self.note("time passes")
        leaps = data.draw(st.integers(0, 5)) == 5
        passed = data.draw(st.sampled_from(LEAPS if leaps else MOMENTS))
        self.pass_time(passed)

    def pass_time(self, seconds: int) -> None:
        self.at.time.pass_(seconds)
        self.world.now += seconds
        if seconds >= LIFETIME:
            self.at.opened.registry.drop()  # a store that is no memory would give other objects than those kept

    # --------------------------------------------------------------------------------------- what always holds

    @invariant()
    def of_each_family_one_token_is_the_head(self) -> None:
        for family, stored in zip(self.world.families, self.run(self.stored()), strict=True):
            assert (stored is None) == family.forgotten
            if stored is not None:
                assert stored.family.head == digest(family.chain[-1])
                assert stored.family.previous == (digest(family.chain[-2]) if len(family.chain) > 1 else None)
                assert (stored.grant.revoked_at is not None) == family.grant.revoked

    async def stored(self) -> list[RefreshFacts | None]:
        """What the store holds of each family."""
        grants = self.at.stores.grants
        return [await grants.refresh_facts(POOL, family.chain[0][:16]) for family in self.world.families]

    @invariant()
    def every_token_that_lives_verifies_with_the_published_keys(self) -> None:
        """A retired key is published, and stays what it was, as long as a token that it signed lives."""
        look = (self.world.now, len(self.world.accesses), self.rotations)
        if look == self.looked:
            return
        self.looked = look
        keys = {key["kid"]: key for key in orjson.loads(self.ask("GET", "/.well-known/jwks.json").body)["keys"]}
        for access in self.world.accesses:
            if self.world.now < access.ends:
                key = keys[jwt.get_unverified_header(access.text)["kid"]]
                if access.text not in self.verified:
                    self.verified[access.text] = key
                    self.verify(access, jwt.PyJWK(key))
                assert self.verified[access.text] == key

    def verify(self, access: Access, key: jwt.PyJWK) -> None:
        untimed = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}  # by its clock, which is not ours
        claims = jwt.decode(access.text, key, ["ES256"], options=untimed, audience=ISSUER, issuer=ISSUER)
        assert claims["sub"] == access.grant.person.id
        assert claims["client_id"] == access.grant.client
        assert (claims["iat"], claims["exp"]) == (access.issued, access.ends)

    def everything_ends_as_it_should(self) -> None:
        """At the end every access token is tried; and of each family every token, from the newest to the oldest."""
        for access in self.world.accesses:
            self.check(access)
        for family in self.world.families:
            successes = 0
            for position in range(len(family.chain) - 1, -1, -1):
                name, token = family.grant.client, family.chain[position]
                expected = self.world.refresh(family, position, name)
                answer = self.token(name, grant_type="refresh_token", refresh_token=token)
                assert (answer.status == 200) == (expected in {"rotated", "again"})
                if expected == "rotated":
                    family.chain.append(orjson.loads(answer.body)["refresh_token"])
                    family.rotated = self.world.now
                successes += expected == "rotated"
            assert successes <= 1

    # --------------------------------------------------------------------------------------- how it is done

    def check(self, access: Access) -> None:
        bearer = [(b"authorization", f"Bearer {access.text}".encode())]
        answer = self.run(self.at.raw("GET", f"/{POOL}/oauth2/userInfo", headers=bearer))
        works = self.world.works(access)
        assert answer.status == (200 if works else 401) or (works is None and answer.status == 200)
        if answer.status == 200:
            assert orjson.loads(answer.body)["sub"] == access.grant.person.id

    def received(self, response: dict[str, Any], grant: Grant, family: Family | None, *, narrow: bool = False) -> None:
        lives = LONG_ACCESS_LIVES if grant.client == "long" else ACCESS_LIVES
        assert response["expires_in"] == lives
        now = self.world.now
        access = Access(response["access_token"], grant, grant.offline and not narrow, now, now + lives)
        assert all(access.text != other.text for other in self.world.accesses)
        self.world.accesses.append(access)
        self.tokens.append(Tokens(access, family))

    def granted(self, answer: Raw) -> dict[str, Any]:
        assert answer.status == 200, answer.body
        response: dict[str, Any] = orjson.loads(answer.body)
        return response

    def refused(self, answer: Raw) -> None:
        assert answer.status == 400
        found = orjson.loads(answer.body)
        assert found["error"] == "invalid_grant"
        assert "access_token" not in found

    def token(self, name: str, **form: str) -> Raw:
        return self.ask("POST", "/oauth2/token", form=form, name=name)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        cookie: str | None = None,
        name: str | None = None,
    ) -> Raw:
        headers = [(b"content-type", b"application/x-www-form-urlencoded")] if form is not None else []
        if cookie is not None:
            headers.append((b"cookie", cookie.encode()))
        if name == "spa":
            form = {**(form or {}), "client_id": name}
        elif name is not None:
            headers.append((b"authorization", b"Basic " + base64.b64encode(f"{name}:{SECRET}".encode())))
        return self.run(
            self.at.raw(
                method, f"/{POOL}{path}", urlencode(query or {}).encode(), headers, urlencode(form or {}).encode()
            )
        )


REACHED = {
    "authorize: code", "authorize: signed out", "redeem: tokens", "redeem: of a revoked grant", "redeem: spent",
    "redeem: another's", "redeem: refused", "refresh: rotated", "refresh: again", "refresh: reused", "refresh: refused",
    "refresh: another's", "revoke: refresh token", "revoke: another's refresh token", "revoke: access token",
    "revoke: another's access token", "userinfo: yes", "userinfo: no", "sign in: again", "sign out", "disable", "enable",
    "rotate keys", "tidy up",
}  # fmt: skip
"""What has to have happened, or the machine runs idle."""


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """No log: writing it would take half the time."""

    def drop(*_: object) -> Any:
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[drop])
    try:
        yield
    finally:
        structlog.configure(**before)


def live(examples: int, steps: int) -> Counter[str]:
    """Run the machine, and return how often each outcome came. Under CI=true the same lives each time."""
    LifeCycles.outcomes.clear()
    in_ci = os.environ.get("CI") == "true"
    with silence():
        _live(examples, steps, in_ci)
    return LifeCycles.outcomes


def _live(examples: int, steps: int, in_ci: bool) -> None:
    run_state_machine_as_test(
        LifeCycles,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=in_ci,
            database=None,
            print_blob=True,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.long
def test_no_order_of_events_breaks_a_life_cycle() -> None:
    outcomes = live(examples=120, steps=100)
    print(f"{outcomes.total()} steps: {dict(sorted(outcomes.items()))}")
    assert outcomes.total() >= 10_000
    assert outcomes.keys() >= REACHED


def test_a_code_redeemed_after_its_grant_was_revoked_buys_nothing_and_stays_unspent() -> None:
    with silence():
        life = LifeCycles()
        try:
            life.start("long")
            life.sign_out_of(life.sessions[0])
            for seconds in (0, 30, 29):
                life.pass_time(seconds)
                life.try_code(life.codes[0], "long", VERIFIER, CALLBACK)
            assert life.tokens == []
        finally:
            life.teardown()


@pytest.mark.nightly
def test_no_order_of_many_more_events_breaks_a_life_cycle() -> None:
    outcomes = live(examples=2000, steps=100)
    print(f"{outcomes.total()} steps: {dict(sorted(outcomes.items()))}")
    assert outcomes.total() >= 150_000
    assert outcomes.keys() >= REACHED
