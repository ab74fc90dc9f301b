"""What others chose must stay harmless in our messages; and the form of text messages, the look of mails."""

import re
from dataclasses import replace
from typing import Any

import pytest

from authserver.adapters.sms.gateway import in_gsm_alphabet
from authserver.messages import Kind, Renderer, mask
from authserver.messages.kinds import TRAITS
from authserver.messages.look import ACCENT, ACCENT_DARK, logo_address, look_of
from authserver.messages.names import inert, one_line
from authserver.model.pools import Branding
from authserver.pages.branding import default_colours
from authserver.pages.colours import WHITE, colour, contrast
from tests.unit.messages_world import CODE, NOW, ORIGIN, POOL, message

RENDERER = Renderer(lambda _pool: ORIGIN)
HOSTILE = "<b>Win!</b> https://evil.example/now www.evil.example \u202emoc\r\nBcc: x@evil.example"


def spoken(**changes: Any) -> tuple[str, str, str]:
    content = RENDERER.render(POOL, message(Kind.NEW_DEVICE, **changes), NOW)
    return content.subject or "", content.text, content.html or ""


@pytest.mark.parametrize("field", ["username", "client_name", "device", "place"])
def test_a_name_that_others_chose_is_inert_text(field: str) -> None:
    subject, text, html = spoken(**{field: HOSTILE})
    for part in (subject, text, html):
        assert "evil.example" not in part, "a mail program would make it a link"
        assert "\u202e" not in part
        assert "\r" not in part
    assert "<b>" not in html
    assert "\n" not in subject
    assert "\nBcc" not in text
    assert "Harbour Market" in RENDERER.render(POOL, message(Kind.SIGN_IN_CODE), NOW).text, "a plain name stands there"


def test_names_are_cut_and_kept_on_one_line() -> None:
    assert inert("Ada Lovelace") == "Ada Lovelace"
    assert inert("x" * 100) == "x" * 63 + "\u2026"
    assert one_line(" a\n\tb\u2028c\u200b ") == "a b c"
    assert inert("shop.example") == "shop.\u2060example"
    assert inert("ada@shop.example") == "ada@\u2060shop.\u2060example"
    assert inert("http://x.y") == "http:/\u2060/x.\u2060y"
    assert inert("Acme Inc.") == "Acme Inc."


def test_what_an_invitation_must_be_typed_from_is_not_touched() -> None:
    content = RENDERER.render(POOL, message(Kind.INVITATION, username="ada@shop.example"), NOW)
    assert "ada@shop.example" in content.text


def test_a_pools_texts_are_text() -> None:
    pool = replace(
        POOL, name="<i>Acme</i>", messages=replace(POOL.messages, texts={"en": {"mail.code": "<u>Code</u>"}})
    )
    html = RENDERER.render(pool, message(Kind.SIGN_IN_CODE), NOW).html or ""
    assert "<i>" not in html
    assert "<u>" not in html
    assert "&lt;i&gt;Acme" in html


def test_a_mail_loads_nothing_but_the_logo() -> None:
    html = RENDERER.render(POOL, message(Kind.NEW_DEVICE), NOW).html or ""
    assert not re.search(r"\bsrc=|url\(|@import|<link|<script|<iframe|<form", html)
    branded = replace(POOL, branding=Branding(logo="https://cdn.acme.com/logo.png"))
    html = RENDERER.render(branded, message(Kind.NEW_DEVICE), NOW).html or ""
    assert re.findall(r'src="([^"]*)"', html) == ["https://cdn.acme.com/logo.png"]
    assert 'alt="Acme"' in html
    assert not re.search(r"url\(|@import|<link|<script|<iframe|<form", html)


@pytest.mark.parametrize("kind", [k for k in Kind if "sms" in TRAITS[k].media and "code" in TRAITS[k].needs])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_code_by_text_message_is_bound_to_our_origin(kind: Kind, language: str) -> None:
    """https://wicg.github.io/sms-one-time-codes/: the last line, the host, a space, the code and nothing else."""
    text = RENDERER.render(POOL, message(kind, language, "sms"), NOW).text
    assert text.splitlines()[-2:] == ["", f"@login.acme.com #{CODE}"]
    explanation = text.splitlines()[0]
    assert CODE in explanation
    # One segment, or two at most where the alphabet is not the seven-bit one (3GPP TS 23.040 9.2.3.24.1).
    if language == "en":
        assert in_gsm_alphabet(text)
        assert len(text) <= 160
    else:
        assert len(text) <= 70


@pytest.mark.parametrize("kind", [k for k in Kind if "sms" in TRAITS[k].media and "code" not in TRAITS[k].needs])
def test_a_notice_by_text_message_is_short_and_has_no_code_line(kind: Kind) -> None:
    text = RENDERER.render(POOL, message(kind, "en", "sms", link="https://login.acme.com/a/b"), NOW).text
    assert "@login" not in text.replace("https://login.acme.com", "")
    assert len(text) <= 153 * 2
    assert "\n" not in text


def test_masks_show_enough_and_no_more() -> None:
    assert mask("ada@example.com", "email") == "a•••@e••••.com"
    assert mask("ADA@Example.com", "email") == "a•••@e••••.com", "as it was typed does not show"
    assert mask("augusta.ada@example.co.kr", "email") == "a•••@e••••.kr"
    assert mask("a@b.io", "email") == "•••@b••••.io"
    assert mask("ada@localhost", "email") == "a•••@••••"
    assert mask("+821012345634", "sms") == "•••• 34"
    assert mask("12", "sms") == "••••"
    for nonsense in ("", "ada", "@", "@x.com", "ada@"):
        assert mask(nonsense, "email") == "••••"


def test_the_default_accent_is_that_of_the_pages() -> None:
    assert tuple(tuple(c) for c in default_colours()["color-accent"]) == (ACCENT, ACCENT_DARK)


@pytest.mark.parametrize(
    ("token", "accent", "dark"),
    [
        ("#0a7", "#00aa77", "#00aa77"),
        ("#FFCC00", "#ffcc00", "#ffcc00"),
        ("rgb(10, 20, 30)", "#0a141e", "#0a141e"),
        ("rgb(10 20 30)", "#0a141e", "#0a141e"),
        ("hsl(120deg 100% 25%)", "#008000", "#008000"),
        ("light-dark(#123456, rgb(1, 2, 3))", "#123456", "#010203"),
        ("", "#2457d6", "#3a6be6"),
        ("red;background:url(x)", "#2457d6", "#3a6be6"),
        ("rgb(300, 0, 0)", "#2457d6", "#3a6be6"),
        ("hsl(400, 10%, 10%)", "#2457d6", "#3a6be6"),
        ("light-dark(#123456)", "#2457d6", "#3a6be6"),
    ],
)
def test_the_accent_is_the_pools_and_its_label_can_be_read(token: str, accent: str, dark: str) -> None:
    look = look_of(Branding(tokens={"color-accent": token}), ORIGIN)
    assert (look.accent, look.accent_dark) == (accent, dark)
    for ground, ink in ((look.accent, look.on_accent), (look.accent_dark, look.on_accent_dark)):
        below, above = colour(ground), colour(ink)
        assert contrast(below or WHITE, above or WHITE) >= 4.5
    html = RENDERER.render(
        replace(POOL, branding=Branding(tokens={"color-accent": token})), message(Kind.NEW_DEVICE), 0
    )
    assert f"background:{accent}" in (html.html or "")


@pytest.mark.parametrize(
    ("logo", "address"),
    [
        ("https://cdn.acme.com/logo.png", "https://cdn.acme.com/logo.png"),
        ("/static/logo.svg", f"{ORIGIN}/static/logo.svg"),
        (f"{ORIGIN}/logo.png", f"{ORIGIN}/logo.png"),
        ("http://cdn.acme.com/logo.png", None),
        ("//cdn.acme.com/logo.png", None),
        ("data:image/png;base64,AAAA", None),
        ("https://ada:pw@cdn.acme.com/logo.png", None),
        ('https://cdn.acme.com/"onerror="x', None),
        ("https://[::bad/logo.png", None),
        ("javascript:alert(1)", None),
        ("", None),
        (None, None),
    ],
)
def test_a_logo_is_fetched_over_https_or_not_at_all(logo: str | None, address: str | None) -> None:
    assert logo_address(logo, ORIGIN) == address
