"""Authenticator apps: set up, proven, each code once."""

import asyncio
import base64
import hashlib
import hmac
import re
from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.errors import CodeExpired, Conflict, Invalid, Refusal, Throttled, WrongCode
from authserver.model.credentials import Credential
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.factors.guessing import DAY
from authserver.signin.factors.names import credential_name
from authserver.signin.factors.summary import MOST_TOTP
from authserver.signin.factors.totp import LIFETIME, Enrolment, otpauth_uri
from tests.factors import ADA, BOB, HERE, MASTER, POOL, Factors, in_memory

pytestmark = pytest.mark.anyio


def code_of(seed_base32: str, at: float, offset: int = 0) -> str:
    """RFC 4226 5.3 and RFC 6238 4.2, written here once more."""
    seed = base64.b32decode(seed_base32 + "=" * (-len(seed_base32) % 8))
    mac = hmac.digest(seed, (int(at) // 30 + offset).to_bytes(8, "big"), hashlib.sha1)
    start = mac[-1] & 15
    return f"{(int.from_bytes(mac[start : start + 4]) & 0x7FFFFFFF) % 1_000_000:06}"


async def set_up(factors: Factors, user: User = ADA) -> Enrolment:
    """An app, confirmed with the code of this moment; then time moves on to the step after the next."""
    begun = await factors.totp.begin(POOL, user)
    await factors.totp.confirm(POOL, user, begun.sealed, code_of(begun.seed_base32, factors.now), "Phone")
    factors.now += 60
    return begun


# ------------------------------------------------------------------------------------------------- setting up


async def test_a_set_up_app_is_kept_sealed_and_proves_the_user():
    factors = await in_memory()
    begun = await factors.totp.begin(POOL, ADA)
    assert await factors.credentials.credentials(POOL.id, ADA.id) == [], "nothing is kept before it is confirmed"
    kept = await factors.totp.confirm(POOL, ADA, begun.sealed, code_of(begun.seed_base32, factors.now), " My  phone ")
    assert (kept.kind, kept.name, kept.handle) == ("totp", "My phone", None)
    seed = base64.b32decode(begun.seed_base32)
    assert len(seed) == 20
    assert kept.sealed is not None
    assert seed not in kept.sealed
    factors.now += 30
    proven = await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now), HERE)
    assert (proven.id, proven.last_used_at) == (kept.id, int(factors.now))
    assert factors.kinds() == ["factor.enrolled", "factor.succeeded"]
    assert begun.seed_base32 not in repr((begun, kept, factors.events))


async def test_a_set_up_shows_the_same_again():
    factors = await in_memory()
    begun = await factors.totp.begin(POOL, ADA, account="ada@example.com", title="Scan me")
    assert factors.totp.resume(POOL, ADA, begun.sealed, account="ada@example.com", title="Scan me") == begun
    assert (await factors.totp.begin(POOL, ADA)).seed_base32 != begun.seed_base32


async def test_a_wrong_code_confirms_nothing_and_the_right_one_still_does():
    factors = await in_memory()
    begun = await factors.totp.begin(POOL, ADA)
    wrong = f"{(int(code_of(begun.seed_base32, factors.now)) + 1) % 1_000_000:06}"
    with pytest.raises(WrongCode):
        await factors.totp.confirm(POOL, ADA, begun.sealed, wrong)
    assert await factors.credentials.credentials(POOL.id, ADA.id) == []
    await factors.totp.confirm(POOL, ADA, begun.sealed, code_of(begun.seed_base32, factors.now))


async def test_the_code_that_confirmed_does_not_sign_in_as_well():
    factors = await in_memory()
    begun = await factors.totp.begin(POOL, ADA)
    code = code_of(begun.seed_base32, factors.now)
    await factors.totp.confirm(POOL, ADA, begun.sealed, code)
    with pytest.raises(WrongCode):
        await factors.totp.prove(POOL, ADA, code, HERE)
    await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now, 1), HERE)


async def test_a_set_up_is_confirmed_once():
    """Two apps of one seed would each take the same code."""
    factors = await in_memory()
    begun = await set_up(factors)
    with pytest.raises(Conflict):
        await factors.totp.confirm(POOL, ADA, begun.sealed, code_of(begun.seed_base32, factors.now))
    assert len(await factors.credentials.credentials(POOL.id, ADA.id)) == 1


async def test_a_set_up_expires():
    factors = await in_memory()
    begun = await factors.totp.begin(POOL, ADA)
    factors.now += LIFETIME - 1
    assert factors.totp.resume(POOL, ADA, begun.sealed).seed_base32 == begun.seed_base32
    factors.now += 1
    with pytest.raises(Invalid, match="expired"):
        factors.totp.resume(POOL, ADA, begun.sealed)
    with pytest.raises(Invalid, match="expired"):
        await factors.totp.confirm(POOL, ADA, begun.sealed, code_of(begun.seed_base32, factors.now))


@pytest.mark.parametrize("whose", ["another user", "another pool", "cut", "changed", "nobody", "no base64url"])
async def test_a_set_up_belongs_to_one_user_of_one_pool(whose: str):
    factors = await in_memory()
    begun = await factors.totp.begin(POOL, ADA)
    pool, user, sealed = POOL, ADA, begun.sealed
    match whose:
        case "another user":
            user = BOB
        case "another pool":
            pool = replace(POOL, id="other_B")
        case "cut":
            sealed = sealed[:-2]
        case "changed":
            sealed = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
        case "nobody":
            sealed = ""
        case _:
            sealed = "*" * 80
    with pytest.raises(Invalid):
        await factors.totp.confirm(pool, user, sealed, code_of(begun.seed_base32, factors.now))
    await factors.totp.confirm(POOL, ADA, begun.sealed, code_of(begun.seed_base32, factors.now))


async def test_five_apps_are_enough():
    factors = await in_memory()
    late = await factors.totp.begin(POOL, ADA)
    for _ in range(MOST_TOTP):
        await set_up(factors)
    with pytest.raises(Conflict, match="Remove one first"):
        await factors.totp.begin(POOL, ADA)
    with pytest.raises(Conflict):
        await factors.totp.confirm(POOL, ADA, late.sealed, code_of(late.seed_base32, factors.now))
    await factors.totp.begin(POOL, BOB)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("  Ada's \t phone\n", "Ada's phone"),
        ("전화기", "전화기"),
        ("a\u202eb\u200bc\x00d", "abc d"),
        ("<b>x</b>", "<b>x</b>"),
        ("x" * 64, "x" * 64),
    ],
)
def test_a_name_is_one_line_without_tricks(typed: str, kept: str):
    assert credential_name(typed) == kept


def test_a_name_too_long_to_be_shown_is_refused():
    with pytest.raises(Invalid) as refused:
        credential_name("x" * 65)
    assert refused.value.field == "name"


# ----------------------------------------------------------------------------------------------------- proving


@pytest.mark.parametrize(("offset", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_one_step_before_and_after_counts(offset: int, right: bool):
    factors = await in_memory()
    begun = await set_up(factors)
    factors.now += 300
    code = code_of(begun.seed_base32, factors.now, offset)
    if right:
        await factors.totp.prove(POOL, ADA, code, HERE)
    else:
        with pytest.raises(WrongCode):
            await factors.totp.prove(POOL, ADA, code, HERE)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
async def test_the_vectors_of_rfc_6238(at: int, code: str):
    """Appendix B, SHA-1: six digits are the last six of its eight."""
    factors = await in_memory()
    seed = Sealer(MASTER, SystemRandom()).seal(b"12345678901234567890", f"credentials/{POOL.id}/{ADA.id}/c1/seed")
    await factors.credentials.add_credential(POOL.id, Credential("c1", POOL.id, ADA.id, "totp", sealed=seed))
    factors.now = at
    assert (await factors.totp.prove(POOL, ADA, code, HERE)).counter == at // 30


async def test_the_same_code_is_taken_once():
    """W12."""
    factors = await in_memory()
    begun = await set_up(factors)
    code = code_of(begun.seed_base32, factors.now)
    await factors.totp.prove(POOL, ADA, code, HERE)
    with pytest.raises(WrongCode):
        await factors.totp.prove(POOL, ADA, code, HERE)
    assert factors.events[-1].details["reason"] == "code used before"
    factors.now += 30
    await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now), HERE)


async def test_after_a_code_an_earlier_one_is_worth_nothing():
    factors = await in_memory()
    begun = await set_up(factors)
    await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now, 1), HERE)
    for offset in (-1, 0, 1):
        with pytest.raises(WrongCode):
            await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now, offset), HERE)


async def test_of_fifty_with_the_same_right_code_one_wins():
    factors = await in_memory()
    begun = await set_up(factors)
    code = code_of(begun.seed_base32, factors.now)
    found = await asyncio.gather(
        *(factors.totp.prove(POOL, ADA, code, HERE) for _ in range(50)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in found) == 1
    assert {type(o) for o in found if isinstance(o, BaseException)} <= {WrongCode, Throttled}


async def test_any_of_several_apps_will_do_and_each_knows_its_own_codes():
    factors = await in_memory()
    phone, tablet = await set_up(factors), await set_up(factors)
    factors.now += 30
    first = await factors.totp.prove(POOL, ADA, code_of(tablet.seed_base32, factors.now), HERE)
    second = await factors.totp.prove(POOL, ADA, code_of(phone.seed_base32, factors.now), HERE)
    assert first.id != second.id
    with pytest.raises(WrongCode):
        await factors.totp.prove(POOL, ADA, code_of(tablet.seed_base32, factors.now), HERE)


async def test_another_users_code_and_no_app_at_all_prove_nothing():
    factors = await in_memory()
    begun = await set_up(factors)
    with pytest.raises(WrongCode):
        await factors.totp.prove(POOL, BOB, code_of(begun.seed_base32, factors.now), HERE)
    await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now), HERE)


async def test_a_removed_app_proves_nothing():
    factors = await in_memory()
    begun = await set_up(factors)
    (app,) = await factors.credentials.credentials(POOL.id, ADA.id)
    await factors.enrolled.remove(POOL, ADA, app.id)
    with pytest.raises(WrongCode):
        await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now), HERE)


async def test_a_seed_moved_to_another_user_does_not_open():
    factors = await in_memory()
    begun = await set_up(factors)
    (app,) = await factors.credentials.credentials(POOL.id, ADA.id)
    await factors.credentials.add_credential(POOL.id, replace(app, id="stolen", user_id=BOB.id))
    with pytest.raises(Refusal) as refused:
        await factors.totp.prove(POOL, BOB, code_of(begun.seed_base32, factors.now), HERE)
    assert refused.value.code == "unsealable"


async def test_a_credential_without_a_seed_is_a_fault_of_ours():
    factors = await in_memory()
    begun = await set_up(factors)
    (app,) = await factors.credentials.credentials(POOL.id, ADA.id)
    await factors.credentials.add_credential(POOL.id, replace(app, id="empty", sealed=None))
    with pytest.raises(Refusal) as refused:
        await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now), HERE)
    assert refused.value.code == "internal"


@pytest.mark.parametrize(
    "spelling",
    ["{}", " {} ", "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}", "{0[0]}{0[1]}{0[2]}-{0[3]}{0[4]}{0[5]}", "\u200b{}\n"],
)
async def test_a_code_may_be_typed_as_apps_show_it(spelling: str):
    factors = await in_memory()
    begun = await set_up(factors)
    await factors.totp.prove(POOL, ADA, spelling.format(code_of(begun.seed_base32, factors.now)), HERE)


async def test_full_width_digits_count():
    factors = await in_memory()
    begun = await set_up(factors)
    wide = "".join(chr(ord(c) - ord("0") + 0xFF10) for c in code_of(begun.seed_base32, factors.now))
    await factors.totp.prove(POOL, ADA, wide, HERE)


@pytest.mark.parametrize("typed", ["12345", "1234567", "12345a", "١٢٣٤٥٦", "123456" + " " * 100, "\x00", "<b>1</b>"])
async def test_what_cannot_be_a_code_is_wrong_and_costs_no_try(typed: str):
    factors = await in_memory()
    begun = await set_up(factors)
    for _ in range(30):
        with pytest.raises(WrongCode):
            await factors.totp.prove(POOL, ADA, typed, HERE)
    await factors.totp.prove(POOL, ADA, code_of(begun.seed_base32, factors.now), HERE)


@pytest.mark.parametrize("typed", ["", "  ", "-", "\u200b"])
async def test_nothing_is_asked_for_again(typed: str):
    factors = await in_memory()
    begun = await factors.totp.begin(POOL, ADA)
    for asked in (factors.totp.prove(POOL, ADA, typed, HERE), factors.totp.confirm(POOL, ADA, begun.sealed, typed)):
        with pytest.raises(Invalid) as refused:
            await asked
        assert refused.value.field == "code"


async def test_at_the_beginning_of_time_there_is_no_step_before():
    factors = await in_memory(now=1.0)
    begun = await factors.totp.begin(POOL, ADA)
    kept = await factors.totp.confirm(POOL, ADA, begun.sealed, code_of(begun.seed_base32, 0, 1))
    assert kept.counter == 1


# ---------------------------------------------------------------------------------------------------- guessing


async def judged_within_a_day(factors: Factors) -> int:
    """Guesses one a minute, from ever new addresses; the sum over all factors is reset, to see the day's limit alone."""
    count = 0
    for n in range(DAY // 60):
        factors.now += 60
        try:
            await factors.totp.prove(POOL, ADA, "000000", replace(HERE, device=None, address=f"192.0.2.{n % 250}"))
        except Throttled:
            continue
        except WrongCode:
            count += 1
            await factors.guessing.forget(POOL, ADA.id)
    return count


@pytest.mark.parametrize("apps", [1, 2, 5])
async def test_success_by_chance_stays_below_one_in_ten_thousand_a_day(apps: int):
    """S11: twenty tries a day at most, fewer where several apps make more codes right."""
    factors = await in_memory()
    for _ in range(apps):
        await set_up(factors)
    tries = await judged_within_a_day(factors)
    assert 0 < tries <= 20
    assert tries * 3 * apps <= 100


async def test_a_guess_at_the_sum_of_all_factors_ends_after_a_hundred():
    factors = await in_memory()
    await set_up(factors)
    judged = 0
    for _ in range(300):
        factors.now += DAY
        try:
            await factors.totp.prove(POOL, ADA, "000000", HERE)
        except WrongCode:
            judged += 1
        except CodeExpired:
            continue
    assert judged == 100


# ------------------------------------------------------------------------------------------ what the person sees


@pytest.mark.parametrize(
    ("issuer", "account", "shown"),
    [
        ("Demo", "ada", ("Demo", "ada")),
        ("Acme & Söhne: 100 %", "ada+x@example.com", ("Acme & Söhne 100 %", "ada+x@example.com")),
        ("a/b?c#d", "e&f=g", ("a/b?c#d", "e&f=g")),
        ("회사", "에이다", ("회사", "에이다")),
        ("", ":\x00\u202e", ("-", "-")),
        ("x" * 300, "y" * 300, ("x" * 64, "y" * 64)),
    ],
)
def test_the_uri_names_issuer_and_account_whatever_they_hold(issuer: str, account: str, shown: tuple[str, str]):
    uri = otpauth_uri(b"\x00" * 20, issuer=issuer, account=account)
    assert re.fullmatch(r"otpauth://totp/[A-Za-z0-9._~%-]+:[A-Za-z0-9._~%-]+\?[A-Za-z0-9._~%=&-]+", uri)
    parts = urlsplit(uri)
    assert tuple(unquote(half) for half in parts.path[1:].split(":")) == shown
    assert parse_qs(parts.query) == {
        "secret": ["A" * 32],
        "issuer": [shown[0]],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


async def test_the_qr_code_passes_a_strict_policy_and_a_screen_reader():
    factors = await in_memory()
    begun = await factors.totp.begin(replace(POOL, name="<Acme>"), ADA, title='Scan "this" & go')
    image = ET.fromstring(begun.qr_svg)  # noqa: S314 - our own
    for element in image.iter():
        assert element.tag in {"svg", "title", "path"}
        assert not {"style", "onload", "href", "id"} & set(element.attrib)
    assert (image.attrib["role"], image.attrib["aria-label"]) == ("img", 'Scan "this" & go')
    assert image.findtext("title") == 'Scan "this" & go'
    assert "width" not in image.attrib, "it scales"
    assert "height" not in image.attrib
    assert re.fullmatch(r"0 0 (\d+) \1", image.attrib["viewBox"])
    plate, modules = image.findall("path")
    assert plate.attrib["fill"] == "#fff", "inverted codes are not read by every app, so dark pages get a white plate"
    assert modules.attrib["stroke"] == "#000"


async def test_the_app_shows_the_pools_name_and_the_users():
    factors = await in_memory()
    uris = [
        (await factors.totp.begin(pool, ADA)).otpauth_uri
        for pool in (POOL, Pool("bare_X", ""), replace(POOL, name=" "))
    ]
    assert [urlsplit(uri).path for uri in uris] == ["/Demo:ada", "/bare_X:ada", "/-:ada"]
