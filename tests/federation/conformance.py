"""What every connector must do whose browser comes back with a code: the suite that each kind runs with its stand-in.

A test module subclasses `Conformance` and gives a fixture `case`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from federation.connector import Connector, Examines, Refreshes
from federation.connectors import kind_of
from federation.errors import (
    BadAnswer,
    Cancelled,
    FederationError,
    Misconfigured,
    NotForUs,
    ProviderRefused,
    ProviderUnavailable,
)
from federation.mapping import map_identity
from federation.model import Callback
from federation.ports import Response
from tests.federation.host import CALLBACK, Visit, World, changed, json_response


@dataclass(frozen=True)
class Case:
    """A kind with a stand-in.

    Attributes:
        make: a world with a person at the provider.
        somebody: another person there.
        subject: the first one's.
        requests: how many a login takes once it is warm.
        token_endpoint: where codes go.
        secret: the setting without which the client proves nothing; "" if it can do without.
        challenge: whether PKCE is sent.
        names_issuer: whether `iss` in the browser's return is compared.
        verified: what a login says of the address.
        silent: whether the provider can be asked without showing a page.
        expected: attributes that the kind's own mapping finds.
    """

    type: str
    make: Callable[[], World]
    somebody: dict[str, Any]
    subject: str
    token_endpoint: str
    expected: dict[str, Any]
    requests: int = 2
    secret: str = "client_secret"
    challenge: bool = True
    names_issuer: bool = True
    verified: bool = False
    silent: bool = True
    subject_of_somebody: str = "bob-0002"


async def refused(
    world: World, visit: Visit, callback: Callback, error: type[FederationError], *, sent: bool = False
) -> FederationError:
    """The login is refused with that error, and nothing leaves us unless `sent`."""
    before = len(world.network.sent)
    with pytest.raises(error) as refusal:
        await world.finish(visit, callback)
    assert type(refusal.value) is error, repr(refusal.value)
    assert sent or len(world.network.sent) == before
    return refusal.value


class Conformance:
    # ------------------------------------------------------------------------------------------------ a login

    async def test_a_person_comes_back_as_the_same_subject_each_time(self, case: Case) -> None:
        world = case.make()
        first, second = await world.log_in(), await world.log_in()
        assert first.subject == second.subject == case.subject
        assert first.provider == world.provider.name
        assert first.issuer.startswith("https://")
        assert first.issuer == second.issuer
        assert isinstance(world.connector, Connector)

    async def test_the_kinds_own_mapping_finds_what_the_provider_says(self, case: Case) -> None:
        world = case.make()
        mapped = map_identity(world.provider, kind_of(case.type).mapping or {}, await world.log_in())
        assert {name: mapped.values.get(name) for name in case.expected} == case.expected

    async def test_an_address_is_verified_by_a_boolean_alone(self, case: Case) -> None:
        world = case.make()
        identity = await world.log_in()
        assert identity.claims.get("email_verified") in {None, True, False}
        assert not isinstance(identity.claims.get("email_verified"), str)
        assert identity.email_verified is case.verified

    async def test_two_logins_at_once_do_not_disturb_each_other(self, case: Case) -> None:
        world = case.make()
        ours, theirs = await world.depart(), await world.depart()
        world.site.persons[theirs.handoff.state] = case.somebody
        theirs_back, ours_back = await world.travel(theirs), await world.travel(ours)
        assert (await world.finish(ours, ours_back)).subject == case.subject
        assert (await world.finish(theirs, theirs_back)).subject == case.subject_of_somebody

    async def test_a_warm_login_takes_few_requests(self, case: Case) -> None:
        world = case.make()
        await world.log_in()
        before = len(world.network.sent)
        await world.log_in()
        assert len(world.network.sent) - before <= case.requests
        assert all(sent.url.startswith("https://") for sent in world.network.sent)

    # ------------------------------------------------------------------------------------------- the departure

    async def test_a_departure_names_us_and_this_login(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart(state="unguessable-state")
        assert visit.query["state"] == "unguessable-state"
        assert visit.query["redirect_uri"] == CALLBACK
        assert visit.query["response_type"] == "code"
        assert visit.query["client_id"] == world.provider.client_id
        assert ("code_challenge" in visit.query) is case.challenge
        if case.challenge:
            assert visit.query["code_challenge_method"] == "S256"
            assert visit.begun.memo["code_verifier"] not in visit.url
        assert urlsplit(visit.url).scheme == "https"

    async def test_a_departure_shows_no_secret(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        for secret in world.host.secrets.texts.values():  # type: ignore[attr-defined]  # ours
            assert secret not in visit.url

    async def test_two_departures_share_nothing_unguessable(self, case: Case) -> None:
        world = case.make()
        one, other = await world.depart(), await world.depart()
        for name in {"code_verifier", "nonce"} & one.begun.memo.keys():
            assert one.begun.memo[name] != other.begun.memo[name]

    async def test_a_silent_login_shows_no_page_or_is_not_begun(self, case: Case) -> None:
        world = case.make()
        if case.silent:
            assert (await world.depart(silent=True)).query["prompt"] == "none"
            return
        with pytest.raises(ProviderRefused) as refusal:
            await world.depart(silent=True)
        assert refusal.value.error == "login_required"

    async def test_without_its_secret_nothing_is_sent(self, case: Case) -> None:
        if not case.secret:
            pytest.skip("the client can do without a secret")
        world = case.make().anew(secrets={case.secret: ""})
        with pytest.raises(Misconfigured) as refusal:
            await world.depart()
        assert refusal.value.setting == case.secret
        assert world.network.sent == []

    # --------------------------------------------------------------------------------- what comes back, spoiled

    async def test_a_missing_or_foreign_state_is_another_login(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        for state in (..., "", "state-0", visit.handoff.state[:-1], visit.handoff.state + "x"):
            await refused(world, visit, changed(good, state=state), NotForUs)
        assert (await world.finish(visit, good)).subject == case.subject

    @pytest.mark.parametrize("name", ["state", "code"])
    async def test_a_repeated_parameter_is_refused(self, case: Case, name: str) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        value = good.one(name)
        await refused(world, visit, changed(good, **{name: [value, value]}), BadAnswer)
        assert (await world.finish(visit, good)).subject == case.subject

    async def test_a_missing_code_is_refused(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        for code in (..., ""):
            await refused(world, visit, changed(good, code=code), BadAnswer)
        assert (await world.finish(visit, good)).subject == case.subject

    async def test_an_oversized_parameter_is_refused(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        for name in ("code", "state", "anything"):
            await refused(world, visit, changed(good, **{name: "x" * 9000}), BadAnswer)
        many = replace(good, params=good.params + tuple((f"p{n}", "") for n in range(60)))
        await refused(world, visit, many, BadAnswer)
        assert (await world.finish(visit, good)).subject == case.subject

    async def test_a_code_with_characters_that_no_code_has_is_refused(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        for code in ("a\r\nb", "a\0", "ä", "\ud800"):
            await refused(world, visit, changed(good, code=code), BadAnswer)
        assert (await world.finish(visit, good)).subject == case.subject

    async def test_a_code_that_the_provider_did_not_give_is_refused_there(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        tampered = changed(good, code=str(good.one("code"))[:-1] + "x")
        await refused(world, visit, tampered, ProviderRefused, sent=True)
        assert (await world.finish(visit, good)).subject == case.subject

    async def test_a_code_counts_once(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        assert (await world.finish(visit, good)).subject == case.subject
        await refused(world, visit, good, ProviderRefused, sent=True)

    async def test_another_logins_code_is_refused(self, case: Case) -> None:
        """RFC 9700 4.5: code injection. PKCE binds a code to its login."""
        if not case.challenge or world_ignores_challenge(case):
            pytest.skip("the provider does not do PKCE")
        world = case.make()
        visit, theirs = await world.depart(), await world.depart()
        world.site.persons[theirs.handoff.state] = case.somebody
        injected = changed(await world.travel(visit), code=(await world.travel(theirs)).one("code"))
        await refused(world, visit, injected, ProviderRefused, sent=True)

    async def test_the_browser_must_come_back_the_way_it_was_sent(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        other = replace(good, method="POST" if good.method == "GET" else "GET")
        await refused(world, visit, other, BadAnswer)
        assert (await world.finish(visit, good)).subject == case.subject

    async def test_a_foreign_issuer_in_the_return_is_a_mix_up(self, case: Case) -> None:
        """RFC 9207 2.4."""
        if not case.names_issuer:
            pytest.skip("the issuer is a template")
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        for iss in ("https://evil.example", visit.begun.memo["issuer"] + "/", visit.begun.memo["issuer"].upper()):
            await refused(world, visit, changed(good, iss=iss), NotForUs)
            await refused(world, visit, changed(good, iss=iss, code=..., error="access_denied"), NotForUs)
        assert (await world.finish(visit, changed(good, iss=visit.begun.memo["issuer"]))).subject == case.subject

    async def test_a_departure_of_another_provider_is_refused(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        await refused(world, replace(visit, handoff=replace(visit.handoff, provider="Other")), good, NotForUs)
        await refused(world, replace(visit, handoff=replace(visit.handoff, memo={})), good, NotForUs)
        moved = {**visit.handoff.memo, "issuer": "https://before.example"}
        await refused(world, replace(visit, handoff=replace(visit.handoff, memo=moved)), good, NotForUs)
        assert (await world.finish(visit, good)).subject == case.subject

    # ---------------------------------------------------------------------------------------------- its errors

    async def test_turning_back_at_the_provider_is_no_fault(self, case: Case) -> None:
        world = case.make()
        world.site.denies = ("access_denied", "The user said no")
        visit = await world.depart()
        await refused(world, visit, await world.travel(visit), Cancelled)

    @pytest.mark.parametrize("error", ["server_error", "invalid_scope", "login_required"])
    async def test_an_error_of_the_provider_keeps_its_word(self, case: Case, error: str) -> None:
        world = case.make()
        world.site.denies = (error, "sorry")
        visit = await world.depart()
        refusal = await refused(world, visit, await world.travel(visit), ProviderRefused)
        assert isinstance(refusal, ProviderRefused)
        assert refusal.error == error

    async def test_a_provider_that_is_busy_may_be_tried_again(self, case: Case) -> None:
        world = case.make()
        world.site.denies = ("temporarily_unavailable", "")
        visit = await world.depart()
        await refused(world, visit, await world.travel(visit), ProviderUnavailable)

    async def test_an_error_with_a_code_and_an_error_that_is_none_are_refused(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        await refused(world, visit, changed(good, error="access_denied"), BadAnswer)
        refusal = await refused(world, visit, changed(good, code=..., error="<script>\r\n" * 9), ProviderRefused)
        assert "script" not in f"{refusal} {refusal.detail}"
        await refused(world, visit, changed(good, code=..., error=["a", "b"]), BadAnswer)

    # -------------------------------------------------------------------------------------- the token endpoint

    async def test_a_provider_that_does_not_answer_is_unavailable(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        world.network.down = {urlsplit(case.token_endpoint).netloc}
        await refused(world, visit, good, ProviderUnavailable, sent=True)
        world.network.down = set()
        for status in (429, 500, 502, 503):
            busy = Response(status, b"<html>busy</html>", {"content-type": "text/plain"})
            world.network.answers = {case.token_endpoint: busy}
            await refused(world, visit, good, ProviderUnavailable, sent=True)
        world.network.answers = {}
        assert (await world.finish(visit, good)).subject == case.subject

    @pytest.mark.parametrize(
        "answer",
        [
            Response(302, b"", {"location": "https://evil.example"}),
            Response(200, b"<html>", {"content-type": "text/html"}),
            Response(200, b"{", {"content-type": "application/json"}),
            Response(200, b'{"access_token":"a","access_token":"b"}', {"content-type": "application/json"}),
            Response(200, b"[" * 100_000, {"content-type": "application/json"}),
            Response(200, b"access_token=a&access_token=b&token_type=bearer", {"content-type": "text/plain"}),
            Response(200, b"%%%", {"content-type": "application/x-www-form-urlencoded"}),
            json_response({}),
            json_response({"access_token": "token"}),
            json_response({"access_token": "token", "token_type": "mac"}),
            json_response({"access_token": 7, "token_type": "Bearer"}),
            json_response({"access_token": "a\r\nx: y", "token_type": "Bearer"}),
            json_response({"access_token": "a" * 50_000, "token_type": "Bearer"}),
        ],
        ids=lambda answer: answer.body[:40].decode(),
    )
    async def test_a_token_answer_that_is_none_is_refused(self, case: Case, answer: Response) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        world.network.answers = {case.token_endpoint: answer}
        await refused(world, visit, good, BadAnswer, sent=True)
        world.network.answers = {}
        assert (await world.finish(visit, good)).subject == case.subject

    async def test_a_wrong_client_is_refused_with_what_to_look_at(self, case: Case) -> None:
        world = case.make()
        world.site.client_id = "somebody-else"
        world.site.client_secret = "another-secret-of-another-client"
        visit = await world.depart()
        world.site.codes["code"] = {}
        callback = Callback(
            "POST" if visit.query.get("response_mode") == "form_post" else "GET",
            (("state", visit.handoff.state), ("code", "code")),
            "",
            world.now,
        )
        refusal = await refused(world, visit, callback, ProviderRefused, sent=True)
        assert "client_id" in refusal.detail or "client secret" in refusal.detail

    async def test_no_error_repeats_a_secret(self, case: Case) -> None:
        world = case.make()
        visit = await world.depart()
        good = await world.travel(visit)
        world.site.echoes = True
        refusal = await refused(world, visit, good, ProviderRefused, sent=True)
        told = f"{refusal} {refusal.detail} {refusal!r} {getattr(refusal, 'error', '')}"
        for secret in (good.one("code"), visit.begun.memo["code_verifier"], world.site.client_secret):
            assert str(secret) not in told
        for piece in (refusal.__cause__, refusal.__context__):
            assert piece is None

    async def test_an_identity_shows_no_token(self, case: Case) -> None:
        world = case.make()
        identity = await world.log_in()
        shown = f"{identity!r} {dict(identity.sources)}"
        for token in (*world.site.access, *world.site.refreshing):
            assert token not in shown

    @pytest.mark.parametrize("value", [[[]], {}, -1.5, True, None, "a\nb\x00"], ids=repr)
    async def test_a_person_of_strange_values_is_read_or_refused(self, case: Case, value: object) -> None:
        """Whatever stands in a claim, what comes of it is an identity with a sound subject, or an error of ours."""
        for name in case.make().site.person:
            world = case.make()
            world.site.person[name] = value
            try:
                identity = await world.log_in()
            except FederationError:
                continue
            assert isinstance(identity.subject, str)
            assert identity.subject.strip()
            assert identity.claims.get("email_verified") in (None, True, False)
            map_identity(world.provider, kind_of(case.type).mapping or {}, identity)

    # ----------------------------------------------------------------------------------------------- abilities

    async def test_a_refresh_speaks_of_the_same_person(self, case: Case) -> None:
        world = case.make()
        if not isinstance(world.connector, Refreshes):
            pytest.skip("the provider gives no refresh tokens")
        identity = await world.log_in()
        assert identity.refresh_token
        again = await world.connector.refresh(identity.refresh_token, case.subject, world.now)
        assert again.subject == case.subject
        assert again.refresh_token not in {None, identity.refresh_token}
        with pytest.raises(ProviderRefused):
            await world.connector.refresh(identity.refresh_token, case.subject, world.now)
        with pytest.raises(BadAnswer):
            await world.connector.refresh(again.refresh_token, "somebody-else", world.now)

    async def test_an_examination_finds_nothing_wrong_with_good_settings(self, case: Case) -> None:
        world = case.make()
        assert isinstance(world.connector, Examines)
        checks = await world.connector.examine(CALLBACK, world.now)
        assert [check for check in checks if check.outcome == "error"] == []
        assert any(check.name == "redirect_uri" and CALLBACK in check.found for check in checks)
        assert not any(secret in repr(checks) for secret in world.host.secrets.texts.values())  # type: ignore[attr-defined]

    async def test_the_kind_describes_itself(self, case: Case) -> None:
        kind = kind_of(case.type)
        assert kind.type == case.type
        assert kind.label
        assert kind.icon
        names = [setting.name for setting in kind.settings]
        assert len(names) == len(set(names))
        assert "client_id" not in names
        assert all(setting.about for setting in kind.settings)
        assert kind.mapping


def world_ignores_challenge(case: Case) -> bool:
    return case.make().site.challenge == "ignored"
