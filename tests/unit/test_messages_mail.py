"""A mail as it leaves: its form, headers that nobody can add to, and the setting that names the server."""

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import cast

import pytest

from authserver.adapters.mail import parse_mail_url
from authserver.adapters.mail.mime import to_mail
from authserver.adapters.mail.smtp import _answer, _judged
from authserver.errors import Invalid
from authserver.messages import Envelope, Kind, Renderer, TryAgain, Undeliverable
from tests.unit.messages_world import NOW, ORIGIN, POOL, message

ENVELOPE = Envelope(
    id="11111111-2222-4333-8444-555555555555",
    pool=POOL.id,
    kind=Kind.SIGN_IN_CODE,
    medium="email",
    to="ada@example.com",
    subject="Your code",
    text="Your code: 012345\n",
    html="<p>012345</p>",
    from_name="Acme",
    from_address="hello@acme.com",
    reply_to="help@acme.com",
    language="en",
    at=NOW + 0.25,
)


def parsed(envelope: Envelope) -> EmailMessage:
    """The mail as a mailbox reads it."""
    return cast("EmailMessage", message_from_bytes(to_mail(envelope).as_bytes(), policy=SMTP))


def test_a_mail_has_what_mail_programs_look_for() -> None:
    mail = parsed(ENVELOPE)
    assert mail["From"] == "Acme <hello@acme.com>"
    assert mail["To"] == "ada@example.com"
    assert mail["Reply-To"] == "help@acme.com"
    assert mail["Subject"] == "Your code"
    assert mail["Date"] == "Wed, 18 Nov 2026 11:06:40 +0000"
    assert mail["Message-ID"] == "<11111111-2222-4333-8444-555555555555@acme.com>", "the same at each attempt"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"], "the best comes last"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_both_parts_survive_the_way(language: str) -> None:
    content = Renderer(lambda _: ORIGIN).render(POOL, message(Kind.RECOVER_PASSWORD, language), NOW)
    envelope = replace(ENVELOPE, subject=content.subject, text=content.text, html=content.html, language=language)
    wire = to_mail(envelope).as_bytes()
    assert wire.isascii(), "seven bits are enough for any server"
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998, "RFC 5322 2.1.1"
    mail = parsed(envelope)
    assert mail["Subject"] == content.subject
    text, html = (cast("EmailMessage", part).get_content() for part in mail.iter_parts())
    assert text.replace("\r\n", "\n") == content.text
    assert html.replace("\r\n", "\n").strip() == (content.html or "").strip()


def test_a_mail_without_html_is_plain() -> None:
    mail = parsed(replace(ENVELOPE, html=None, reply_to=None))
    assert mail.get_content_type() == "text/plain"
    assert mail["Reply-To"] is None


def test_names_in_other_scripts_and_with_quotes_stay_names() -> None:
    for name in ("에이크미 고객센터", 'Acme "Support", Inc.', "Acme <evil@evil.example>", "a@b.example"):
        mail = parsed(replace(ENVELOPE, from_name=name))
        (sender,) = mail["From"].addresses
        assert (sender.display_name, sender.addr_spec) == (name, "hello@acme.com")


def test_a_domain_in_another_script_becomes_ascii() -> None:
    assert parsed(replace(ENVELOPE, to="ada@bücher.example"))["To"] == "ada@xn--bcher-kva.example"
    assert to_mail(replace(ENVELOPE, to="ädä@example.com"))["To"].addresses[0].addr_spec == "ädä@example.com"


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x00"])
@pytest.mark.parametrize("field", ["to", "from_address", "reply_to", "subject", "from_name", "language", "id"])
def test_no_value_ends_a_header(field: str, ending: str) -> None:
    value = f"ada@example.com{ending}Bcc: x@evil.example"
    try:
        mail = to_mail(replace(ENVELOPE, **{field: value}))
    except Undeliverable:
        return
    assert field in {"subject", "from_name", "language", "id"}
    wire = mail.as_bytes()
    again = message_from_bytes(wire, policy=SMTP)
    assert again["Bcc"] is None
    assert b"\nBcc" not in wire.replace(b"\r", b"\n").replace(b"\n ", b" ")
    assert to_mail(ENVELOPE)["Bcc"] is None


@pytest.mark.parametrize("address", ["", "ada", "@", "ada@", "@x", "a b@x.example", "<ada@x.example>", "ada@x@y z"])
def test_what_is_no_address_is_not_written_to(address: str) -> None:
    with pytest.raises(Undeliverable):
        to_mail(replace(ENVELOPE, to=address))
    to_mail(replace(ENVELOPE, to="ada+tag@x.example"))


@pytest.mark.parametrize("code", [550, 551, 553, 554, 552])
def test_a_recipient_refused_for_good_is_not_tried_again(code: int) -> None:
    refused = _judged(code, "5.1.1 <ada@example.com>: no such user", "the recipient")
    assert isinstance(refused, Undeliverable)
    assert refused.detail == f"the mail server refuses the recipient: {code} 5.1.1"


@pytest.mark.parametrize("code", [421, 450, 451, 452, 530, 535])
def test_what_may_pass_is_tried_again(code: int) -> None:
    assert isinstance(_judged(code, "greylisted, ada@example.com", "the recipient"), TryAgain)


def test_an_answers_words_stay_out_of_the_log() -> None:
    assert _answer(450, "4.2.0 <ada@example.com>: try later") == "450 4.2.0"
    assert _answer(450, "<ada@example.com> try later") == "450"
    assert _answer(450, "ada.x@y.z") == "450"


# ----------------------------------------------------------------------------------------------------- mail.url


@pytest.mark.parametrize(
    ("url", "port", "tls", "starttls"),
    [
        ("smtp://user:pw@mail.example.com", 587, False, "required"),
        ("smtp://user:pw@mail.example.com:2525", 2525, False, "required"),
        ("smtps://user:pw@mail.example.com", 465, True, "off"),
        ("smtp://mail.example.com", 25, False, "offered"),
        ("smtp://mail.example.com?starttls=required", 25, False, "required"),
        ("smtp://mail.example.com?starttls=off", 25, False, "off"),
        ("smtp://127.0.0.1:1025", 1025, False, "off"),
        ("smtp://user:pw@localhost:1025", 1025, False, "off"),
        ("smtp://user:pw@[::1]:1025?starttls=required", 1025, False, "required"),
    ],
)
def test_a_password_is_protected_by_default(url: str, port: int, tls: bool, starttls: str) -> None:
    server = parse_mail_url(url)
    assert (server.port, server.tls, server.starttls) == (port, tls, starttls)


def test_user_and_password_may_hold_anything() -> None:
    server = parse_mail_url("smtp://ada%40example.com:p%3Aw%2F%25@mail.example.com")
    assert (server.user, server.password) == ("ada@example.com", "p:w/%")
    assert "p:w" not in repr(server)


def test_a_file_of_certificates_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    assert parse_mail_url(f"smtps://mail.example.com?ca={tmp_path}/ca.pem").ca == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://mail.example.com", "must be smtp://"),
        ("smtp://", "must be smtp://"),
        ("smtp://user:secret@mail.example.com:99999", "is not a URL"),
        ("smtp://user:se/cret@mail.example.com", "is not a URL"),
        ("smtp://user@mail.example.com", "both a user and a password"),
        ("smtp://:secret@mail.example.com", "both a user and a password"),
        ("smtp://user:secret@mail.example.com/inbox", "behind the port"),
        ("smtp://mail.example.com?tls=no", "no option tls"),
        ("smtp://mail.example.com?starttls=maybe", "starttls=maybe"),
        ("smtp://user:secret@mail.example.com?starttls=off", "unprotected"),
        ("smtp://user:secret@mail.example.com?starttls=offered", "unprotected"),
        ("smtps://mail.example.com?starttls=required", "needs no starttls"),
        ("smtps://mail.example.com?ca=/nowhere/ca.pem", "not there"),
        ("smtps://mail.example.com?ca=ca.pem", "must be absolute"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_a_reason(url: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        parse_mail_url(url)
    assert refused.value.field == "mail.url"
    assert "cret" not in str(refused.value)
