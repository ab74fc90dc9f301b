"""The sign-in machine where no page can bring it: steps that are over, people who are gone, stores without triggers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from authserver.errors import (
    CodeExpired,
    Conflict,
    Invalid,
    NotFound,
    ProtocolRefusal,
    Vetoed,
    WrongCredentials,
)
from authserver.messages.kinds import Kind
from authserver.model.credentials import Device
from authserver.model.pools import MfaPolicy, Pool, RiskPolicy, Trigger
from authserver.model.sessions import AuthorizationRequest, Proof, Session, SignIn
from authserver.model.users import User
from authserver.signin.origin import Origin
from authserver.signin.passwords import PasswordFactor
from authserver.signin.situations import ACCOUNT, Situation
from authserver.signin.step_types import (
    ConfirmAddress,
    Enrol,
    EnterCode,
    EnterPassword,
    Finish,
    Identify,
    Invite,
    Refuse,
    UsePasskey,
)
from authserver.signin.watch import Watch
from tests.journeys.house import ADA, BOB, CALLBACK, PASSWORD, POOL, House, by_password, client, house, pool
from tests.journeys.people import NEW_PASSWORD, kinds_to, open_pool

pytestmark = pytest.mark.anyio

HERE = Origin("198.51.100.7", "device", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
REQUEST = AuthorizationRequest("web", CALLBACK, True, ("openid",), "a=b")
FACTORS = MfaPolicy(mode="optional", factors=("totp", "email_code", "sms_code", "passkey", "backup_codes"))


@pytest.fixture
async def at() -> AsyncIterator[House]:
    async with house(pool(mfa=FACTORS)) as made:
        yield made


async def begun(at: House, **changes: Any) -> Situation:
    """A kept sign-in as it stands, with changes to it."""
    situation = await at.services.sign_ins.start(await the_pool(at), REQUEST, "browser", None)
    kept = replace(situation.sign_in, **changes)
    await at.services.sign_ins.keep(kept, "198.51.100.7")
    return await at.services.sign_ins.look(await the_pool(at), kept.id, "browser", None)


async def the_pool(at: House) -> Pool:
    found = await at.stores.registry.pool(POOL)
    assert found is not None
    return found


def standing(situation: Situation, step: Any, **changes: Any) -> Situation:
    return replace(situation, step=step, **changes)


OVER: dict[str, Any] = {
    "a code": lambda at, p, s: at.services.proving.code(p, s, "123456", HERE, None, remember=False),
    "a new password": lambda at, p, s: at.services.duties.set_password(p, s, NEW_PASSWORD, HERE, None),
    "a recovery": lambda at, p, s: at.services.recovering.finish(p, s, "123456", NEW_PASSWORD, HERE, None, None),
    "keeping the account": lambda at, p, s: at.services.duties.keep_account(p, s, HERE, None),
}


async def test_what_is_owed_at_another_step_is_not_taken(at: House) -> None:
    situation = replace(await begun(at, identifier="ada"), user=ADA)
    await at.services.duties.agree(await the_pool(at), situation)
    await at.services.duties.complete(await the_pool(at), situation, {"name": "Eve"})
    assert await at.stores.directory.user(POOL, ADA.id) == ADA
    assert at.kinds() == []


async def test_a_link_that_comes_while_its_sign_in_moves_on_leaves_that_alone(at: House) -> None:
    setting, recovering = await the_pool(at), at.services.recovering
    moved = await recovering.begin(setting, await begun(at), "ada", HERE)
    link = (await at.mail("ada@example.com"))[-1].link
    assert link is not None
    keeping, change = recovering._keeping, recovering._keeping.change

    async def too_late(sign_in: SignIn, **_: object) -> SignIn:
        assert sign_in.id == moved.id
        raise Conflict

    keeping.change = too_late  # type: ignore[method-assign]
    token = link.partition("token=")[2]
    where = at.services.watch.where(HERE)
    assert await recovering.finish_by_link(setting, token, NEW_PASSWORD, where) is None
    keeping.change = change  # type: ignore[method-assign]
    assert "password.reset" in at.kinds()


async def test_nobody_is_recovered_who_may_not_sign_in(at: House) -> None:
    await at.change_user(ADA, state="disabled")
    await at.services.recovering.begin(await the_pool(at), await begun(at), "ada", HERE)
    assert await at.mail() == []
    await at.change_user(ADA, state="confirmed")
    at.time.pass_(31)
    await at.services.recovering.begin(await the_pool(at), await begun(at), "ada", HERE)
    assert len(await at.mail()) == 1


@pytest.mark.parametrize("form", OVER.values(), ids=OVER.keys())
async def test_a_form_of_a_step_that_is_over_changes_nothing(at: House, form: Any) -> None:
    situation = await begun(at, identifier="ada")
    assert isinstance(situation.step, EnterPassword)
    moved = await form(at, await the_pool(at), situation)
    assert moved.secret is None
    assert moved.situation.step == situation.step
    assert (await at.stores.sessions.sign_in(POOL, situation.sign_in.id)) == situation.sign_in
    assert at.kinds() == []


REFUSED: dict[str, Any] = {
    "a code of an app of nobody's": (
        EnterCode("totp", "ada", second=True),
        lambda at, p, s: at.services.proving.code(p, s, "123456", HERE, None, remember=False),
    ),
    "a passkey without a challenge": (
        UsePasskey("ada", second=True),
        lambda at, p, s: at.services.proving.passkey(p, s, "{}", HERE, None),
    ),
    "a way that there is none": (
        EnterPassword("ada"),
        lambda at, p, s: at.services.proving.choose(p, s, "recover", HERE, None),
    ),
    "a factor for nobody": (Enrol(("totp",)), lambda at, p, s: at.services.setting_up.enrol(p, s, "totp", HERE)),
    "a factor at another step": (
        EnterPassword("ada"),
        lambda at, p, s: at.services.setting_up.enrol(p, s, "totp", HERE),
    ),
    "an invitation of nobody": (Invite(), lambda at, p, s: at.services.setting_up.accept_invitation(p, s, HERE)),
    "a set-up that was not begun": (
        Enrol(("totp",), "totp"),
        lambda at, p, s: at.services.setting_up.enrolled(p, s, "123456", "", HERE, None),
    ),
    "a set-up at another step": (
        EnterPassword("ada"),
        lambda at, p, s: at.services.setting_up.enrolled(p, s, "123456", "", HERE, None),
    ),
    "a password before a name": (
        Identify(),
        lambda at, p, s: at.services.proving.password(
            p, replace(s, sign_in=replace(s.sign_in, identifier=None)), "x", HERE, None
        ),
    ),
    "no password": (
        EnterPassword("ada"),
        lambda at, p, s: at.services.proving.password(p, s, "", HERE, None),
    ),
    "no code of a new account": (
        ConfirmAddress(),
        lambda at, p, s: at.services.proving.confirm(p, s, " ", HERE, None),
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
async def test_what_makes_no_sense_here_is_refused(at: House, case: Any) -> None:
    step, form = case
    situation = standing(await begun(at, identifier="ada"), step)
    with pytest.raises(Invalid):
        await form(at, await the_pool(at), situation)
    assert (await at.stores.sessions.sign_in(POOL, situation.sign_in.id)) == situation.sign_in


async def test_only_codes_that_we_send_are_sent_again(at: House) -> None:
    situation = await begun(at, identifier="ada")
    for step in (EnterPassword("ada"), EnterCode("totp", "ada", second=True), Identify()):
        again = await at.services.proving.resend(await the_pool(at), standing(situation, step), HERE)
        assert again == situation.sign_in
    assert await at.mail() == []


async def test_a_right_code_for_an_account_that_is_gone_confirms_nothing() -> None:
    setting = open_pool()
    async with house(setting) as at:
        grace = User("grace-id", POOL, "grace", email="grace@example.com", state="unconfirmed")
        await at.stores.directory.create_user(POOL, grace)
        situation = await begun(at, user_id=grace.id, method="confirm", identifier="grace")
        kept = await at.services.proving.resend(setting, situation, HERE)
        code = await at.last_code("grace@example.com")
        gone = replace(situation, sign_in=kept, user=None)
        with pytest.raises(WrongCredentials):
            await at.services.proving.confirm(setting, gone, code, HERE, None)


async def test_who_is_deleted_while_the_password_is_replaced_does_not_come_in(at: House) -> None:
    setting = await the_pool(at)
    situation = await begun(at)
    moved = await at.services.recovering.begin(setting, situation, "ada", HERE)
    situation = await at.services.sign_ins.look(setting, moved.id, "browser", None)
    code = await at.last_code("ada@example.com")
    changes = at.services.password_changes
    ended = changes._end_access

    async def end_and_delete(pool_id: str, user_id: str) -> object:
        await at.stores.directory.delete_user(pool_id, user_id)
        return await ended(pool_id, user_id)

    changes._end_access = end_and_delete
    where = at.services.watch.where(HERE)
    with pytest.raises(NotFound):
        await at.services.recovering.finish(setting, situation, code, NEW_PASSWORD, HERE, where, None)
    assert await at.stores.sessions.sessions_of_user(POOL, ADA.id) == []


async def test_a_code_that_nobody_asked_for_is_over(at: House) -> None:
    situation = standing(await begun(at, identifier="ada"), EnterCode("email_code", "ada", second=False))
    with pytest.raises(CodeExpired):
        await at.services.proving.code(await the_pool(at), situation, "123456", HERE, None, remember=False)


async def test_a_proof_of_who_is_disabled_is_worth_nothing(at: House) -> None:
    situation = await begun(at, identifier="ada")
    await at.change_user(ADA, state="disabled")
    with pytest.raises(WrongCredentials):
        await at.services.moving.proven(
            await the_pool(at), situation.sign_in, ADA, Proof("totp", int(at.time())), HERE, None
        )


async def test_an_account_without_a_password_has_none_to_be_right(at: House) -> None:
    """What was proven by one that is gone does not hold when the session opens."""
    await at.stores.directory.create_user(POOL, User("ida-id", POOL, "ida"))
    situation = await begun(at, identifier="ida")
    ida = await at.stores.directory.user(POOL, "ida-id")
    assert ida is not None
    proof = Proof("password", int(at.time()), stamp=5)
    with pytest.raises(WrongCredentials):
        await at.services.moving.proven(await the_pool(at), situation.sign_in, ida, proof, HERE, None)
    assert await at.stores.sessions.sessions_of_user(POOL, "ida-id") == []


async def test_who_is_disabled_while_the_session_opens_is_signed_out_again(at: House) -> None:
    situation = await begun(at, identifier="ada")
    opened = at.services.sessions.open

    async def open_then_disabled(*given: Any) -> Any:
        await at.change_user(ADA, state="disabled")
        return await opened(*given)

    at.services.sessions.open = open_then_disabled  # type: ignore[method-assign]
    proof = Proof("totp", int(at.time()))
    with pytest.raises(WrongCredentials):
        await at.services.moving.proven(await the_pool(at), situation.sign_in, ADA, proof, HERE, None)
    assert await at.stores.sessions.sessions_of_user(POOL, ADA.id) == []
    assert "sign_in.succeeded" not in at.kinds()


async def test_there_are_no_passkey_options_without_a_challenge(at: House) -> None:
    situation = await begun(at)
    assert situation.sign_in.challenge is None
    assert await at.services.proving.passkey_options(await the_pool(at), situation) is None


# ------------------------------------------------------------------------------------------------------- setting up


async def test_a_factor_that_cannot_be_set_up_is_not_begun(at: House) -> None:
    begin = at.services.enrolling.begin
    setting, stranger = await the_pool(at), replace(BOB, email_verified=False)
    for user, kind in ((BOB, "backup_codes"), (BOB, "password"), (stranger, "email_code"), (BOB, "sms_code")):
        with pytest.raises(Invalid):
            await begin(setting, user, kind, binding="b", language="en")
    assert await begin(setting, BOB, "email_code", binding="b", language="en")


async def test_a_code_factor_is_kept_once(at: House) -> None:
    setting, enrolling = await the_pool(at), at.services.enrolling
    for i in range(2):
        handle = await enrolling.begin(setting, ADA, "email_code", binding=f"b{i}", language="en")
        code = await at.last_code("ada@example.com")
        proof = await enrolling.finish(setting, ADA, "email_code", handle, code, "", binding=f"b{i}")
        assert proof.method == "email_code"
    kept = await at.stores.credentials.credentials(POOL, ADA.id)
    assert [c.kind for c in kept] == ["email_code"]


async def test_backup_codes_are_due_once(at: House) -> None:
    setting, enrolling = await the_pool(at), at.services.enrolling
    assert await enrolling.backup_codes_due(replace(setting, mfa=MfaPolicy()), ADA) == ()
    first = await enrolling.backup_codes_due(setting, ADA)
    assert len(first) == 10
    assert await enrolling.backup_codes_due(setting, ADA) == ()


# -------------------------------------------------------------------------------------------------------- the end


async def test_at_our_own_page_a_refusal_is_an_error_and_an_answer_a_redirect(at: House) -> None:
    situation = await begun(at)
    request = replace(REQUEST, client_id=ACCOUNT, redirect_uri="http://localhost:8000/test_Pool1/account")
    sign_in = replace(situation.sign_in, request=request)
    mine = replace(situation, sign_in=sign_in, client=client(ACCOUNT))
    conclude, setting = at.services.sign_ins.conclude, await the_pool(at)
    refused = standing(mine, Refuse("access_denied", "No."))
    with pytest.raises(ProtocolRefusal) as refusal:
        await conclude(setting, "https://issuer", refused, kept=False)
    assert refusal.value.code == "access_denied"
    authentication = by_password(ADA.id, int(at.time()))
    session, _ = await at.services.sessions.open(setting, authentication, None)
    done = standing(mine, Finish(authentication), session=session)
    assert await conclude(setting, "https://issuer", done, kept=False) == request.redirect_uri
    with pytest.raises(AssertionError):
        await conclude(setting, "https://issuer", standing(done, Finish(authentication), session=None), kept=False)


async def test_an_invitation_is_turned_down_in_two_tabs_and_by_nobody(at: House) -> None:
    decline, setting = at.services.sign_ins.answer_invitation, await the_pool(at)
    for user in (ADA, ADA, None):
        situation = replace(await begun(at), user=user)
        assert (await decline(setting, situation, postponed=True)).declined == ("passkey",)


async def test_a_client_that_is_gone_ends_the_sign_in(at: House) -> None:
    situation = await begun(at)
    await at.change_client("web", enabled=False)
    with pytest.raises(NotFound):
        await at.services.sign_ins.look(await the_pool(at), situation.sign_in.id, "browser", None)


async def test_what_the_account_page_has_begun_ends_with_the_session(at: House) -> None:
    setting, sessions = await the_pool(at), at.services.sessions
    session, _ = await sessions.open(setting, by_password(ADA.id, int(at.time())), None)
    assert await sessions.keep_task(setting, session, "email", "handle")
    kept = await at.stores.sessions.session(POOL, session.key)
    assert kept is not None
    assert kept.tasks == {"email": "handle"}
    assert await sessions.keep_task(setting, session, "email", None)
    await sessions.forget_client(setting, session, "web")
    await sessions.end(setting, session)
    assert not await sessions.keep_task(setting, session, "email", "handle")
    await sessions.forget_client(setting, session, "web")
    assert await at.stores.sessions.session(POOL, session.key) is None


async def test_two_changes_at_once_are_a_conflict(at: House) -> None:
    situation = await begun(at, identifier="ada")
    setting = await the_pool(at)
    await at.services.proving.choose(setting, situation, "choose", HERE, None)
    with pytest.raises(Conflict):
        await at.services.proving.choose(setting, situation, "choose", HERE, None)


# -------------------------------------------------------------------------------------------------------- the watch


def watch(at: House, told: list[Any] | None = None) -> Watch:
    async def post_authentication(pool: Pool, user: User, client_id: str, new: bool) -> None:
        assert told is not None
        told.append((pool.id, user.id, client_id, new))
        raise Vetoed("No.")

    return Watch(
        directory=at.stores.directory,
        credentials=at.stores.credentials,
        places=at.services.watch._places,
        notices=at.services.notices,
        clock=at.time,
        emit=at.events.append,
        post_authentication=post_authentication if told is not None else None,
    )


async def test_the_trigger_is_asked_before_a_session_opens(at: House) -> None:
    told: list[Any] = []
    plain = await the_pool(at)
    asking = replace(plain, triggers=(Trigger("post_authentication", callable="acme.auth:check"),))
    await watch(at).may_enter(asking, ADA.id, "web", HERE)
    await watch(at, told).may_enter(plain, ADA.id, "web", HERE)
    await watch(at, told).may_enter(asking, "gone", "web", HERE)
    assert told == []
    for origin in (HERE, replace(HERE, device=None)):
        with pytest.raises(Vetoed):
            await watch(at, told).may_enter(asking, ADA.id, "web", origin)
    await at.stores.credentials.put_device(POOL, Device("device", ADA.id))
    with pytest.raises(Vetoed):
        await watch(at, told).may_enter(asking, ADA.id, "web", HERE)
    assert told == [(POOL, ADA.id, "web", True), (POOL, ADA.id, "web", True), (POOL, ADA.id, "web", False)]


async def test_a_sign_in_of_who_is_gone_since_is_told_to_nobody(at: House) -> None:
    setting = replace(await the_pool(at), risk=RiskPolicy(new_device="notify"))
    session = Session("k", "sid", POOL, by_password("gone", 0), 0, 0)
    await watch(at).entered(setting, "gone", "web", "Web shop", replace(HERE, device=None), session, ("new_device",), 0)
    sign_in = SignIn("id", POOL, "browser", REQUEST, 0, 1, risks=("new_device",))
    await watch(at).blocked(setting, None, sign_in, HERE)
    assert at.kinds() == ["sign_in.succeeded", "sign_in.blocked"]
    assert await at.mail() == []
    await watch(at).blocked(setting, ADA, sign_in, HERE)
    assert await kinds_to(at, "ada@example.com") == [Kind.NEW_DEVICE]


async def test_what_the_pool_ignores_is_told_to_nobody(at: House) -> None:
    setting = replace(await the_pool(at), risk=RiskPolicy("ignore", "ignore", "ignore"))
    session = Session("k", "sid", POOL, by_password(ADA.id, 0), 0, 0)
    await watch(at).entered(setting, ADA.id, "web", "Web shop", HERE, session, ("new_device",), 0)
    assert await watch(at).signals(setting, ADA, HERE) == ()
    assert await at.mail() == []


async def test_nothing_speaks_against_the_first_sign_in_nor_against_a_known_browser(at: House) -> None:
    setting = replace(await the_pool(at), risk=RiskPolicy("notify", "notify", "notify"))
    machine = watch(at)
    assert await machine.signals(setting, ADA, HERE) == ()
    await machine.remember(setting, ADA.id, HERE)
    assert await machine.signals(setting, ADA, HERE) == ()
    assert await machine.signals(setting, ADA, replace(HERE, device=None)) == ("new_device",)
    assert await machine.signals(setting, ADA, replace(HERE, address="203.0.113.9")) == ("new_network",)
    assert await machine.known_device(setting, ADA, HERE) == "device"
    assert await machine.known_device(setting, BOB, HERE) is None
    assert await machine.known_device(setting, None, HERE) is None
    assert await machine.known_device(setting, ADA, replace(HERE, device=None)) is None


# ----------------------------------------------------------------------------------------- the password, without more


async def test_the_password_factor_needs_no_triggers(at: House) -> None:
    factor = PasswordFactor(
        at.stores.directory,
        at.stores.credentials,
        at.stores.counters,
        at.opened.passwords,
        at.time,
        at.events.append,
        per_address=1000,
    )
    setting = await the_pool(at)
    assert (await factor.prove(setting, "ada", PASSWORD, HERE, None)).user.id == ADA.id
    for name in ("ada", "nobody"):
        with pytest.raises(WrongCredentials):
            await factor.prove(setting, name, "wrong", HERE, None)
    for _ in range(98):
        await at.stores.directory.count_password_failure(POOL, ADA.id)
    at.time.pass_(24 * 3600)
    with pytest.raises(WrongCredentials):
        await factor.prove(setting, "ada", "wrong", HERE, None)
    assert "password.locked" in at.kinds()
    with pytest.raises(WrongCredentials):
        await factor.prove(setting, "ada", PASSWORD, HERE, None)
