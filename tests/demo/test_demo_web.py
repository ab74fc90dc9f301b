"""The demo client application against a provider that answers rightly, wrongly, or not at all."""

import httpx
import pytest

from tests.demo.fake_op import CLIENT_ID, NOW
from tests.demo.world import WEB, Browser, World, error_code, shown

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def browser(world: World) -> Browser:
    return world.browser()


def is_logged_in(page: httpx.Response) -> bool:
    return 'id="log-out"' in page.text


# ---------------------------------------------------------------------------------------------------- logging in


async def test_a_visitor_sees_one_button_and_is_logged_in_by_it(browser: Browser) -> None:
    page = await browser.open("/")
    assert 'id="log-in"' in page.text
    assert not is_logged_in(page)

    page = await browser.log_in()

    assert str(page.url) == f"{WEB}/"
    assert is_logged_in(page)
    assert shown(page, "name") == "Ada Lovelace"
    assert shown(page, "email").startswith("ada@example.com")
    for value in ("urn:poolgate:acr:1", "https://orders.example/write", "at+jwt", "2026-09-21"):
        assert value in page.text


async def test_who_is_logged_in_finds_the_way_to_the_account_page(world: World, browser: Browser) -> None:
    link = f'href="{world.op.issuer}/account">Your account</a>'
    assert link not in (await browser.open("/")).text
    assert link in (await browser.log_in()).text


@pytest.mark.parametrize(
    ("missing", "called"),
    [
        (("name",), "ada"),
        (("name", "preferred_username"), "ada@example.com"),
        (("name", "preferred_username", "email", "email_verified"), "ada-1"),
    ],
)
async def test_somebody_of_whom_little_is_known_is_called_by_that(
    world: World, browser: Browser, missing: tuple[str, ...], called: str
) -> None:
    world.op.bends.id_token = dict.fromkeys(missing)
    page = await browser.log_in()
    assert is_logged_in(page)
    assert shown(page, "name") == called


async def test_the_authorization_request_is_bound_to_the_browser_and_to_the_login(world: World) -> None:
    for _ in range(2):
        await world.browser().log_in()

    first, second = world.op.requests
    assert first["response_type"] == "code"
    assert first["client_id"] == CLIENT_ID
    assert first["redirect_uri"] == f"{WEB}/callback"
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) == 43
        assert first[name] != second[name]


async def test_the_options_of_a_login_reach_the_server(world: World, browser: Browser) -> None:
    page = await browser.open(
        "/login?prompt=login&max_age=60&ui_locales=ko&login_hint=ada&scope=openid&response_type=x"
    )

    assert is_logged_in(page)
    asked = world.op.requests[-1]
    wanted = {"prompt": "login", "max_age": "60", "ui_locales": "ko", "login_hint": "ada", "scope": "openid"}
    assert wanted.items() <= asked.items()
    assert asked["response_type"] == "code"
    assert shown(page, "scopes") == "openid"


async def test_the_cookie_changes_at_login_and_is_out_of_reach_of_scripts(browser: Browser) -> None:
    begun = await browser.http.get("/", follow_redirects=False)
    before = dict(browser.http.cookies)
    await browser.log_in()

    (name,) = before
    assert browser.http.cookies[name] != before[name]
    flags = begun.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    assert "8001" in name


async def test_the_old_cookie_is_worth_nothing_after_the_login(world: World, browser: Browser) -> None:
    await browser.open("/")
    old = dict(browser.http.cookies)
    await browser.log_in()
    thief = world.browser()
    thief.http.cookies.update(old)
    assert not is_logged_in(await thief.open("/"))

    thief.http.cookies.update(dict(browser.http.cookies))
    assert is_logged_in(await thief.open("/"))


async def test_pages_show_no_refresh_token_and_may_not_be_stored(browser: Browser) -> None:
    page = await browser.log_in()

    assert "refresh-token-" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "script-src 'none'" in page.headers["content-security-policy"]
    assert "form-action 'self' http://localhost:8000;" in page.headers["content-security-policy"]


# ---------------------------------------------------------------------------------------------------- answers that are not right


async def landed(browser: Browser) -> str:
    """Begins a login and stops before the answer is delivered: the URL that the server sends the browser to."""
    begun = await browser.http.get("/login", follow_redirects=False)
    answered = await browser.http.get(begun.headers["location"], follow_redirects=False)
    return str(answered.headers["location"])


async def test_an_answer_counts_once(browser: Browser) -> None:
    answer = await landed(browser)
    assert is_logged_in(await browser.open(answer))

    again = await browser.open(answer)
    assert again.status_code == 400
    assert error_code(again) == "foreign_login"


async def test_an_answer_that_was_refused_is_spent_as_well(world: World, browser: Browser) -> None:
    answer = await landed(browser)
    world.hosts.down.add("localhost:8000")
    assert error_code(await browser.open(answer)) == "server_down"
    world.hosts.down.clear()
    assert error_code(await browser.open(answer)) == "foreign_login"


async def test_an_answer_that_another_browser_began_is_refused(world: World, browser: Browser) -> None:
    answer = await landed(world.browser())
    await browser.open("/login")

    page = await browser.open(answer)

    assert error_code(page) == "foreign_login"
    assert "Traceback" not in page.text
    assert [form["code"] for form in world.op.forms] == ["code-2"], "the other browser's code must not be redeemed"


@pytest.mark.parametrize("change", [{"state": "forged"}, {"state": None}])
async def test_an_answer_with_another_state_is_refused(
    world: World, browser: Browser, change: dict[str, str | None]
) -> None:
    world.op.bends.response = change
    page = await browser.log_in()
    assert (page.status_code, error_code(page)) == (400, "foreign_login")
    assert world.op.forms == []

    world.op.bends.response = {}
    assert is_logged_in(await browser.log_in())


async def test_an_answer_after_an_hour_is_too_late(world: World, browser: Browser) -> None:
    in_time, too_late = await landed(browser), await landed(browser)
    world.clock.now += 3600
    assert is_logged_in(await browser.open(in_time))

    browser = world.browser()
    too_late = await landed(browser)
    world.clock.now += 3601
    assert error_code(await browser.open(too_late)) == "foreign_login"


@pytest.mark.parametrize("iss", ["http://localhost:8000/other_Pool", None])
async def test_an_answer_of_another_issuer_is_refused(world: World, browser: Browser, iss: str | None) -> None:
    world.op.bends.response = {"iss": iss}
    page = await browser.log_in()
    assert (page.status_code, error_code(page)) == (502, "bad_answer")
    assert "RFC 9207" in shown(page, "error-description")
    assert world.op.forms == []


async def test_a_server_that_never_announced_iss_may_leave_it_out(world: World, browser: Browser) -> None:
    world.op.bends.response = {"iss": None}
    world.op.bends.discovery = {"authorization_response_iss_parameter_supported": None}
    assert is_logged_in(await browser.log_in())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"nonce": "another-login"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "demo-spa"}, "audience"),
        ({"aud": ["demo-web", "demo-spa"]}, "audience"),
        ({"azp": "demo-spa"}, "azp"),
        ({"iss": "http://localhost:8000/other_Pool"}, "issuer"),
        ({"exp": int(NOW)}, "expired"),
        ({"iat": int(NOW) + 3600}, "iat"),
        ({"iat": None}, "iat"),
        ({"sub": None}, "sub"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
        ({"at_hash": None}, "at_hash"),
    ],
)
async def test_an_id_token_with_one_wrong_claim_logs_nobody_in(
    world: World, browser: Browser, change: dict[str, object], says: str
) -> None:
    world.op.bends.id_token = change
    page = await browser.log_in()
    assert (page.status_code, error_code(page)) == (502, "bad_answer")
    assert says in shown(page, "error-description")
    assert not is_logged_in(await browser.open("/"))

    world.op.bends.id_token = {}
    assert is_logged_in(await browser.log_in())


@pytest.mark.parametrize("header", [{"typ": "at+jwt"}, {"kid": "unknown"}])
async def test_an_id_token_of_another_kind_logs_nobody_in(
    world: World, browser: Browser, header: dict[str, object]
) -> None:
    world.op.bends.id_token_header = header
    page = await browser.log_in()
    assert error_code(page) == "bad_answer"


async def test_an_id_token_that_a_stranger_signed_logs_nobody_in(world: World, browser: Browser) -> None:
    world.op.bends.signed_by_another = True
    page = await browser.log_in()
    assert error_code(page) == "bad_answer"
    assert "signature" in shown(page, "error-description")


async def test_a_key_that_is_newer_than_our_copy_is_fetched(world: World, browser: Browser) -> None:
    assert is_logged_in(await browser.log_in())
    world.op.toy.rotate()
    world.clock.now += 31
    assert is_logged_in(await browser.open("/login"))
    assert world.op.forms[-1]["grant_type"] == "authorization_code"


@pytest.mark.parametrize(("ago", "fresh_enough"), [(300 + 60, True), (300 + 61, False)])
async def test_max_age_must_be_proven(world: World, browser: Browser, ago: int, fresh_enough: bool) -> None:
    world.op.bends.id_token = {"auth_time": int(NOW) - ago}
    page = await browser.open("/login?max_age=300")
    assert is_logged_in(page) == fresh_enough


# ---------------------------------------------------------------------------------------------------- errors


async def test_an_error_of_the_server_is_shown_in_its_own_words(world: World, browser: Browser) -> None:
    world.op.bends.error = {"error": "login_required", "error_description": "Somebody must <b>sign in</b> first."}
    page = await browser.open("/login?prompt=none")

    assert page.status_code == 400
    assert error_code(page) == "login_required"
    assert shown(page, "error-description") == "Somebody must <b>sign in</b> first."
    assert "<b>sign in" not in page.text


async def test_an_error_with_a_foreign_state_is_not_believed(world: World, browser: Browser) -> None:
    world.op.bends.error = {"error": "access_denied"}
    world.op.bends.response = {"state": "forged"}
    assert error_code(await browser.log_in()) == "foreign_login"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (
            (401, {"error": "invalid_client", "error_description": "Client authentication failed."}),
            400,
            "invalid_client",
        ),
        ((503, {}), 503, "server_down"),
        ((200, {"token_type": "Bearer"}), 502, "bad_answer"),
        ((200, {"access_token": "a", "token_type": "DPoP"}), 502, "bad_answer"),
        ((200, {"access_token": "a", "token_type": "Bearer"}), 502, "bad_answer"),
    ],
)
async def test_what_the_token_endpoint_refuses_is_told(
    world: World, browser: Browser, answer: tuple[int, dict[str, str]], status: int, code: str
) -> None:
    world.op.bends.token_error = answer
    page = await browser.log_in()
    assert (page.status_code, error_code(page)) == (status, code)


async def test_a_server_that_is_down_is_named_as_the_reason(world: World, browser: Browser) -> None:
    world.hosts.down.add("localhost:8000")
    page = await browser.log_in()
    assert (page.status_code, error_code(page)) == (503, "server_down")
    assert "poolgate dev" in page.text

    world.hosts.down.clear()
    assert is_logged_in(await browser.log_in())


async def test_a_discovery_document_of_another_issuer_is_refused(world: World, browser: Browser) -> None:
    world.op.bends.discovery = {"issuer": "http://localhost:8000/other_Pool"}
    assert error_code(await browser.log_in()) == "bad_answer"


async def test_an_address_that_leads_nowhere_has_a_page(browser: Browser) -> None:
    page = await browser.open("/nowhere")
    assert (page.status_code, error_code(page)) == (404, "unusable")


# ---------------------------------------------------------------------------------------------------- logged in


async def test_reading_and_placing_orders_shows_what_the_api_said(browser: Browser) -> None:
    await browser.log_in()
    page = await browser.press("call-api")
    assert shown(page, "api-status") == "200"
    assert "Blue ink" in shown(page, "api-body")

    page = await browser.press("place-order", item="Blotter", quantity="2")
    assert shown(page, "api-status") == "201"
    assert '"item": "Blotter"' in shown(page, "api-body")

    page = await browser.press("place-order", item="Blotter", quantity="many")
    assert shown(page, "api-status") == "422"
    assert "whole number" in shown(page, "api-body")


async def test_a_login_without_the_scope_is_refused_by_the_api_and_told_why(browser: Browser) -> None:
    await browser.open("/login?scope=openid+https://orders.example/read")
    assert shown(await browser.press("call-api"), "api-status") == "200"

    page = await browser.press("place-order", item="Blotter", quantity="2")
    assert shown(page, "api-status") == "403"
    assert "insufficient_scope" in page.text


async def test_an_api_that_is_down_is_told(world: World, browser: Browser) -> None:
    await browser.log_in()
    world.hosts.down.add("127.0.0.1:8002")
    page = await browser.press("call-api")
    assert page.status_code == 200
    assert "does not answer" in shown(page, "api-body")


async def test_a_refresh_changes_the_tokens_and_says_so_by_digest_alone(world: World, browser: Browser) -> None:
    page = await browser.log_in()
    before = shown(page, "refresh-mark")
    world.clock.now += 900
    assert shown(await browser.press("call-api"), "api-status") == "401"

    page = await browser.press("refresh")

    assert shown(page, "refresh-mark") != before
    assert before in page.text
    assert "changed" in page.text
    assert world.op.forms[-1]["grant_type"] == "refresh_token"
    assert world.op.forms[-1]["refresh_token"] not in page.text
    assert shown(await browser.press("call-api"), "api-status") == "200"


async def test_a_refreshed_id_token_about_somebody_else_is_refused(world: World, browser: Browser) -> None:
    await browser.log_in()
    world.op.bends.id_token = {"sub": "bob-1"}
    assert error_code(await browser.press("refresh")) == "bad_answer"
    assert shown(await browser.open("/"), "name") == "Ada Lovelace"


@pytest.mark.parametrize("claim", ["auth_time", "nonce"])
async def test_a_refreshed_id_token_of_another_login_is_refused(world: World, browser: Browser, claim: str) -> None:
    await browser.log_in()
    world.op.bends.id_token = {claim: 1 if claim == "auth_time" else "another"}
    assert error_code(await browser.press("refresh")) == "bad_answer"

    world.op.bends.id_token = {}
    await browser.open("/login")
    world.op.bends.id_token = {claim: None}
    assert error_code(await browser.press("refresh")) is None


async def test_a_refused_refresh_ends_the_login(world: World, browser: Browser) -> None:
    await browser.log_in()
    world.op.bends.token_error = (400, {"error": "invalid_grant", "error_description": "Revoked."})
    page = await browser.press("refresh")
    assert (page.status_code, error_code(page)) == (400, "invalid_grant")
    assert shown(page, "error-description") == "Revoked."
    assert not is_logged_in(await browser.open("/"))


async def test_a_server_that_stumbles_during_a_refresh_does_not_end_the_login(world: World, browser: Browser) -> None:
    await browser.log_in()
    world.op.bends.token_error = (503, {})
    assert error_code(await browser.press("refresh")) == "server_down"
    assert is_logged_in(await browser.open("/"))


async def test_logging_out_ends_both_sessions_and_comes_back_to_the_start(world: World, browser: Browser) -> None:
    await browser.log_in()
    cookie = dict(browser.http.cookies)

    page = await browser.press("log-out")

    (asked,) = world.op.logouts
    assert asked["post_logout_redirect_uri"] == f"{WEB}/"
    assert asked["client_id"] == CLIENT_ID
    assert asked["id_token_hint"].count(".") == 2
    assert page.url.path == "/"
    assert "You are logged out" in page.text
    again = world.browser()
    again.http.cookies.update(cookie)
    assert not is_logged_in(await again.open("/"))


async def test_nobody_is_told_of_a_logout_that_was_not_theirs(browser: Browser) -> None:
    assert "You are logged out" not in (await browser.open("/?state=made-up")).text


# ---------------------------------------------------------------------------------------------------- other sites


@pytest.mark.parametrize("path", ["/login", "/call-api", "/place-order", "/refresh", "/logout"])
@pytest.mark.parametrize("forgery", ["no token", "another's token", "from another site", "from another port"])
async def test_no_form_of_another_site_is_taken(world: World, browser: Browser, path: str, forgery: str) -> None:
    page = await browser.log_in()
    token = page.text.split('name="csrf" value="')[1].split('"')[0]
    other = (await world.browser().open("/")).text.split('name="csrf" value="')[1].split('"')[0]
    data = {"no token": {}, "another's token": {"csrf": other}}.get(forgery, {"csrf": token})
    site = {"from another site": "cross-site", "from another port": "same-site"}.get(forgery, "same-origin")

    refused = await browser.http.post(path, data=data, headers={"Sec-Fetch-Site": site})
    assert (refused.status_code, error_code(refused)) == (403, "stale_form")
    assert is_logged_in(await browser.open("/"))

    taken = await browser.http.post(
        path, data={"csrf": token}, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False
    )
    assert taken.status_code == 303


async def test_another_origin_is_refused_where_browsers_send_no_fetch_metadata(browser: Browser) -> None:
    page = await browser.log_in()
    token = page.text.split('name="csrf" value="')[1].split('"')[0]
    for origin, status in (("http://evil.example", 403), ("null", 403), (WEB, 303)):
        answer = await browser.http.post(
            "/call-api", data={"csrf": token}, headers={"Origin": origin}, follow_redirects=False
        )
        assert answer.status_code == status, origin


async def test_only_the_own_host_is_answered(browser: Browser) -> None:
    assert (await browser.http.get("/", headers={"Host": "rebound.example:8001"})).status_code == 421
    assert (await browser.http.post("/login", headers={"Host": "localhost:8001"})).status_code == 421

    moved = await browser.http.get("/login?x=1", headers={"Host": "localhost:8001"}, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, f"{WEB}/login?x=1")
    assert (await browser.open("/")).status_code == 200


async def test_a_form_that_is_far_too_large_is_refused(browser: Browser) -> None:
    answer = await browser.http.post("/login", data={"csrf": "x" * 20_000})
    assert answer.status_code == 413


# ---------------------------------------------------------------------------------------------------- in the browser


async def test_the_single_page_client_may_talk_to_the_server_and_the_api_alone(browser: Browser) -> None:
    page = await browser.open("/spa")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "connect-src http://localhost:8000 http://127.0.0.1:8002;" in policy
    for element in ("spa-log-in", "spa-call-api", "spa-refresh", "spa-log-out", "spa-output"):
        assert f'id="{element}"' in page.text
    script = await browser.open("/static/spa.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await browser.open("/static/../web.py")).status_code == 404
