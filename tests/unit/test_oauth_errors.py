"""Every refusal through every front end's table, and the engine's own guards."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

import authserver.errors
from authserver.crypto.sealing import Unsealable
from authserver.errors import (
    Busy,
    CodeExpired,
    Conflict,
    Invalid,
    InvalidForm,
    NotFound,
    ProtocolRefusal,
    Refusal,
    SignInGone,
    StoreUnavailable,
    Throttled,
    TriggerFailed,
    Unexpected,
    Vetoed,
    WeakPassword,
    WrongCode,
    WrongCredentials,
)
from authserver.model.clients import Client
from authserver.oauth import engine
from authserver.oauth.client_auth import METHODS, InvalidClient, presented_credentials
from authserver.oauth.engine import FactMissing, Facts, judge_client_credentials, judge_code, judge_refresh
from authserver.oauth.errors import refuse
from authserver.oauth.grants import TokenRequest, authorization_code, client_credentials, refresh_token
from authserver.pages.errors import Forged, error_view
from authserver.pages.texts import error_words
from authserver.web import MethodNotAllowed, Params, Request, TooLarge, parse_params
from tests.journeys.house import POOL, each, house

WIRE: dict[type[Refusal], tuple[Refusal, tuple[int, str], tuple[int, str], str | None]] = {
    Refusal: (Refusal(), (400, "invalid_request"), (400, "invalid_request"), None),
    NotFound: (NotFound(), (404, "not_found"), (404, "not_found"), None),
    Conflict: (Conflict(), (409, "invalid_request"), (409, "invalid_request"), None),
    Invalid: (Invalid(field="x"), (400, "invalid_request"), (422, "invalid_request"), None),
    WrongCredentials: (WrongCredentials(), (400, "invalid_grant"), (422, "access_denied"), None),
    InvalidForm: (InvalidForm((("x", "empty", ""),)), (400, "invalid_request"), (422, "invalid_request"), None),
    WeakPassword: (WeakPassword(("history",)), (400, "invalid_request"), (422, "invalid_request"), None),
    WrongCode: (WrongCode(3), (400, "invalid_grant"), (422, "access_denied"), None),
    CodeExpired: (CodeExpired("used"), (400, "invalid_grant"), (422, "expired"), None),
    Vetoed: (Vetoed("Not on Sundays."), (403, "access_denied"), (403, "access_denied"), None),
    TriggerFailed: (TriggerFailed(), (503, "temporarily_unavailable"), (503, "unavailable"), "5"),
    Throttled: (Throttled(7), (429, "slow_down"), (429, "throttled"), "7"),
    SignInGone: (SignInGone(restart="a=b"), (400, "invalid_request"), (410, "expired"), None),
    Busy: (Busy(3), (503, "temporarily_unavailable"), (503, "unavailable"), "3"),
    StoreUnavailable: (StoreUnavailable(), (503, "temporarily_unavailable"), (503, "unavailable"), "2"),
    Unexpected: (Unexpected(), (500, "server_error"), (500, "internal"), None),
    Unsealable: (Unsealable(), (500, "server_error"), (500, "internal"), None),
    TooLarge: (TooLarge(), (413, "invalid_request"), (413, "too_large"), None),
    MethodNotAllowed: (MethodNotAllowed("GET"), (405, "invalid_request"), (405, "invalid_request"), None),
    Forged: (Forged(), (400, "invalid_request"), (403, "csrf"), None),
    ProtocolRefusal: (ProtocolRefusal("invalid_scope", "No."), (400, "invalid_scope"), (400, "invalid_scope"), None),
    InvalidClient: (InvalidClient(), (401, "invalid_client"), (400, "invalid_client"), None),
}


def every_kind(of: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    yield of
    for below in of.__subclasses__():
        yield from every_kind(below)


def test_every_refusal_there_is_has_its_row() -> None:
    """A new refusal must be thought about in every front end."""
    ours = {kind for kind in every_kind() if kind.__module__.startswith("authserver.")}
    known = {
        kind
        for kind in ours
        if kind.__module__.split(".")[1] in {"errors", "oauth", "pages", "web", "crypto", "signin", "tokens"}
    }
    assert known == set(WIRE)
    named = re.findall(r"\+-- (\w+)", authserver.errors.__doc__ or "")
    public = {n for n, c in inspect.getmembers(authserver.errors, inspect.isclass) if issubclass(c, Refusal)}
    assert set(named) | {"Refusal"} == public


@each("kind", {kind.__name__: kind for kind in WIRE})
def test_the_oauth_endpoints_table(kind: type[Refusal]) -> None:
    refusal, (status, code), _, retry_after = WIRE[kind]
    refusal.detail = "private"
    answer = refuse(None, None, None, refusal)  # type: ignore[arg-type]  # the table needs none of them
    headers = dict(answer.headers)
    assert answer.status == status
    body = orjson.loads(answer.body)
    assert set(body) == {"error", "error_description"}
    assert body["error"] == code
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])
    assert "private" not in answer.body.decode()
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"access-control-allow-origin"] == b"*"
    assert headers.get(b"retry-after") == (retry_after.encode() if retry_after else None)
    assert (status in {429, 503}) is (b"retry-after" in headers)


@each("kind", {kind.__name__: kind for kind in WIRE})
def test_the_pages_table(kind: type[Refusal]) -> None:
    refusal, _, (status, code), retry_after = WIRE[kind]
    refusal.detail = "private"
    found, view, seconds = error_view(refusal, None)
    assert (found, view.code) == (status, code)
    assert seconds == (int(retry_after) if retry_after else None)
    assert view.retry_after == seconds
    assert "private" not in repr(view)
    assert error_words(view.code, view.reason).heading
    if kind not in {ProtocolRefusal, InvalidClient}:
        assert view.details == ()  # nothing of the refusal but its code reaches the page


def test_a_subclass_that_nobody_thought_of_is_what_its_base_is() -> None:
    class Rare(NotFound):
        pass

    assert refuse(None, None, None, Rare()).status == 404  # type: ignore[arg-type]
    assert error_view(Rare(), None)[0] == 404


def test_only_a_client_that_tried_basic_is_challenged() -> None:
    """RFC 6749 5.2."""
    for challenge in (True, False):
        answer = refuse(None, None, None, InvalidClient(challenge=challenge))  # type: ignore[arg-type]
        assert (b"www-authenticate" in dict(answer.headers)) is challenge


def test_a_sentence_is_fit_for_an_error_description() -> None:
    answer = refuse(None, None, None, Invalid('Stra\u00dfe "x" \\ \n'))  # type: ignore[arg-type]
    assert orjson.loads(answer.body)["error_description"] == "Stra?e ?x? ? ?"


def test_a_throttled_one_waits_at_least_a_second() -> None:
    assert Throttled(0).retry_after == 1


# ---------------------------------------------------------------------------------------------------- the engine

CLIENT = Client(
    "web", POOL, secret_digests=(), grant_types=("authorization_code", "refresh_token", "client_credentials")
)


def request(text: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> tuple[Request, Params]:
    return Request({"headers": headers or [], "method": "POST"}, None, "id"), parse_params(text)  # type: ignore[arg-type]


def test_a_fact_that_nobody_loaded_is_a_mistake_and_not_a_no() -> None:
    """DESIGN 6.1."""
    params = Params([("client_id", "web"), ("code", "x"), ("refresh_token", "x")])
    credentials = presented_credentials(*request(b"client_id=web"))
    public = replace(CLIENT, token_endpoint_auth_method="none")
    for judge in (judge_code, judge_refresh):
        with pytest.raises(FactMissing):
            judge(params, Facts(public, credentials, known_scopes=frozenset()))
    with pytest.raises(FactMissing):
        Facts(public).get("known_scopes")
    with pytest.raises(InvalidClient):
        judge_client_credentials(params, Facts(public, None, known_scopes=frozenset()))


def test_authlib_must_neither_save_nor_mint() -> None:
    server = engine._Server(Facts(CLIENT, None, known_scopes=frozenset()))
    with pytest.raises(FactMissing):
        server.save_token({}, None)
    with pytest.raises(FactMissing):
        server.generate_token()
    server.send_signal("anything")
    assert set(engine._METHODS) == set(METHODS)


def test_what_authlib_lists_of_a_parameter_is_how_often_it_came() -> None:
    payload = engine._Payload(Params([("a", "1"), ("b", "1"), ("b", "2")]))
    assert {k: len(v) for k, v in payload.datalist.items()} == {"a": 1, "b": 2}


@pytest.mark.anyio
@each(
    "grant",
    {
        "code": (authorization_code, "judge_code", {"grant_type": "authorization_code", "code": "x"}),
        "refresh": (refresh_token, "judge_refresh", {"grant_type": "refresh_token", "refresh_token": "x"}),
    },
)
async def test_a_judgement_that_let_something_through_is_caught(grant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the engine ever pass a request without its facts, nothing comes of it but an error in our log."""
    module, name, form = grant
    async with house() as at:
        browser = at.browser()
        assert (await browser.token(**form)).json()["error"] == "invalid_grant"
        monkeypatch.setattr(module, name, lambda params, facts: None)
        assert (await browser.token(**form)).status_code == 500
        assert (await browser.token("nobody", **form)).status_code == 500
        monkeypatch.setattr(client_credentials, "judge_client_credentials", lambda params, facts: None)
        assert (await browser.token("nobody", grant_type="client_credentials")).status_code == 500
        assert (await browser.token("machine", grant_type="client_credentials")).status_code == 200


@pytest.mark.anyio
async def test_an_authorization_request_without_a_client_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as at:
        monkeypatch.setattr(
            "authserver.oauth.authorize.prove_redirect_uri", lambda params, facts: "https://evil.example"
        )
        answer = await at.browser().authorize(client_id="nobody")
        assert (answer.status_code, "location" in answer.headers) == (500, False)


def test_a_request_knows_its_client_only_after_the_judgement() -> None:
    with pytest.raises(AssertionError):
        TokenRequest(None, None, None, None, "").judged_client()  # type: ignore[arg-type]
