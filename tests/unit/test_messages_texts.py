"""What messages say: every kind in every language, nothing missing, and a pool's own texts in place of ours."""

import re
from pathlib import Path
from typing import Any

import pytest

from authserver.errors import Invalid
from authserver.messages import KEYS, Kind, Message, Renderer, check_messages
from authserver.messages.kinds import TRAITS
from authserver.messages.languages import Catalogues, matching
from authserver.messages.texts import FACTORS, TEXTS, allowed_placeholders, placeholders, required_placeholders
from authserver.model.pools import MessagePolicy, Pool
from tests.unit.messages_catalogue import extracted, po_files, read, updated
from tests.unit.messages_world import CODE, LINK, NOW, ORIGIN, PASSWORD, POOL, every_message, message

RENDERER = Renderer(lambda _pool: ORIGIN)
HANGUL = re.compile("[가-힣]")


def pool_with(language: str = "en", **texts: str) -> Pool:
    return Pool(
        POOL.id,
        POOL.name,
        messages=MessagePolicy(texts={language: {k.replace("__", "."): v for k, v in texts.items()}}),
    )


@pytest.mark.parametrize("told", every_message(), ids=lambda m: f"{m.kind}-{m.medium}-{m.language}")
def test_every_kind_is_complete_in_every_language(told: Message) -> None:
    content = RENDERER.render(POOL, told, NOW)
    parts = [content.text] if told.medium == "sms" else [content.text, content.html or "", content.subject or ""]
    for part in parts:
        assert part.strip()
        assert not re.search(r"\{[a-z_]*\}", part.partition("<body")[2] or part), "a placeholder was left over"
        assert (HANGUL.search(part) is not None) == (told.language == "ko")
    if told.medium == "sms":
        assert content.html is None
        assert content.subject is None
    for secret, needed in ((told.code, "code"), (told.password, "password")):
        if secret is not None:
            assert needed in TRAITS[told.kind].needs
            assert secret in content.text
            assert content.html is None or secret in content.html
            assert content.subject is None or secret not in content.subject, "subjects stand in the logs of servers"
    if told.medium == "email" and told.link is not None:
        assert LINK in content.text
        assert LINK.replace("&", "&amp;") in (content.html or "")
        assert f'lang="{told.language}"' in (content.html or "")


def test_a_mail_says_the_same_in_both_parts() -> None:
    content = RENDERER.render(POOL, message(Kind.NEW_DEVICE), NOW)
    for words in ("Was this you?", "Chrome on Windows", "KR Seoul", "203.0.113.9", "This was not me", "(UTC)"):
        assert words in content.text
        assert words in (content.html or "")


def test_what_a_notice_does_not_know_it_leaves_out() -> None:
    told = message(Kind.PASSWORD_CHANGED, device="", place="", network="", link=None)
    content = RENDERER.render(POOL, told, NOW)
    for words in ("Device", "Place", "IP address", "This was not me"):
        assert words not in content.text
        assert words not in (content.html or "")
    assert "unknown browser" in RENDERER.render(POOL, message(Kind.NEW_DEVICE, medium="sms", device=""), NOW).text


def test_remaining_time_is_told_as_people_say_it() -> None:
    def life(seconds: int, language: str = "en") -> str:
        return RENDERER.render(POOL, message(Kind.CONFIRM_SIGN_UP, language, ends_at=NOW + seconds), NOW + 0.4).text

    for seconds, words in ((600, "10 minutes"), (30, "1 minute."), (3600, "1 hour."), (86400, "24 hours")):
        assert f"It works once, within {words}" in life(seconds)
    assert "10분" in life(600, "ko")
    assert "24시간" in life(86400, "ko")
    invited = RENDERER.render(POOL, message(Kind.INVITATION, ends_at=NOW + 7 * 86400), NOW)
    assert "It works for 7 days." in invited.text


def test_times_are_in_the_persons_zone() -> None:
    there = RENDERER.render(POOL, message(Kind.NEW_DEVICE, zone="Asia/Seoul"), NOW).text
    assert "(Asia/Seoul)" in there
    korean = RENDERER.render(POOL, message(Kind.NEW_DEVICE, "ko", zone="Asia/Seoul"), NOW).text
    assert "AM" not in korean
    assert "PM" not in korean
    assert "오전" in korean or "오후" in korean
    assert "(UTC)" in RENDERER.render(POOL, message(Kind.NEW_DEVICE, zone="../../etc/passwd"), NOW).text
    assert "(UTC)" in RENDERER.render(POOL, message(Kind.NEW_DEVICE, zone="Nowhere/Land"), NOW).text


# ---------------------------------------------------------------------------------------------- catalogues


def test_there_is_korean() -> None:
    assert [path.parts[-3] for path in po_files()] == ["ko"]
    assert Catalogues().languages == ("en", "ko")


@pytest.mark.parametrize("path", po_files(), ids=lambda path: path.parts[-3])
def test_a_catalogue_is_complete(path: Path) -> None:
    catalogue = read(path)
    assert {text.id for text in catalogue if text.id} == {text.id for text in extracted() if text.id}, (
        "run `python -m tests.unit.messages_catalogue`"
    )
    assert not list(catalogue.check())
    assert not catalogue.obsolete
    assert updated(path) == path.read_bytes()
    for text in catalogue:
        if text.id:
            forms = text.string if isinstance(text.string, tuple) else (text.string,)
            original = text.id if isinstance(text.id, str) else text.id[-1]
            assert not text.fuzzy
            for form in forms:
                assert form
                assert placeholders(form) == placeholders(original), original
                assert not re.search(r"\}(?:을|를|은|는|이|가|과|와|으로|로)(?![가-힣])", form), form


def test_extraction_sees_every_text() -> None:
    found = {text.id for text in extracted() if text.id}
    assert {*TEXTS.values(), *FACTORS.values()} <= found


def test_every_kind_has_its_texts_and_no_more() -> None:
    wanted = set()
    for kind in Kind:
        if "email" in TRAITS[kind].media:
            wanted |= {f"{kind}.{part}" for part in ("subject", "heading", "intro", "note")}
        if "sms" in TRAITS[kind].media:
            wanted.add(f"{kind}.sms")
    ours = {key for key in TEXTS if not key.startswith("mail.")}
    assert ours >= wanted
    assert all(key.endswith(".action") for key in ours - wanted)
    assert ours | {key for key in TEXTS if key.startswith("mail.")} == KEYS
    for key, text in TEXTS.items():
        assert placeholders(text) <= allowed_placeholders(key), key


def test_a_language_is_chosen_from_those_of_the_pool() -> None:
    def language_of(wish: str, languages: tuple[str, ...], policy: MessagePolicy = POOL.messages) -> str:
        return Catalogues().words(wish, languages, policy).language

    assert language_of("ko-KR", ("en", "ko")) == "ko"
    assert language_of("ko_KR", ("en", "ko")) == "ko"
    assert language_of("fr", ("ko", "en")) == "ko", "the pool's first"
    assert language_of("ko", ("en",)) == "en", "a language that the pool does not speak"
    assert language_of("xx", ("xx",)) == "en", "a language that nobody speaks"
    own = MessagePolicy(texts={"de": {"sign_in_code.subject": "Ihr Code für {pool}"}})
    assert language_of("de", ("en", "de"), own) == "de", "a pool may bring a language of its own"
    assert matching("pt", ("pt-BR", "en")) == "pt-BR"
    arabic = Pool("a_1", "A", languages=("ar",), messages=MessagePolicy(texts={"ar": {"mail.code": "رمزك"}}))
    assert 'dir="rtl"' in (RENDERER.render(arabic, message(Kind.SIGN_IN_CODE, "ar"), NOW).html or "")


# ---------------------------------------------------------------------------------------- a pool's own texts


def test_a_pool_replaces_texts_in_its_languages() -> None:
    pool = pool_with(sign_in_code__subject="Hello from {pool}", sign_in_code__sms="{pool}: {code}!")
    assert RENDERER.render(pool, message(Kind.SIGN_IN_CODE), NOW).subject == "Hello from Acme"
    assert RENDERER.render(pool, message(Kind.SIGN_IN_CODE, "ko"), NOW).subject == "Acme 로그인 인증번호"
    assert RENDERER.render(pool, message(Kind.SIGN_IN_CODE, medium="sms"), NOW).text.startswith(f"Acme: {CODE}!\n")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("sign_in_code.subject", "Your code for {client}"),
        ("sign_in_code.sms", "{code} is it"),
        ("sign_in_code.intro", "Two\nlines"),
        ("invitation.sms", "{username} {password} {link}"),
        ("deletion_planned.sms", "gone on {date}, keep: {link}"),
        ("new_device.intro", "{username} on {device}"),
        ("mail.sent_to", "To {to}"),
    ],
)
def test_a_text_that_keeps_what_is_vital_is_taken(key: str, text: str) -> None:
    check_messages(MessagePolicy(texts={"en": {key: text}, "ko": {key: text}}))


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [
        ("sign_in_code.title", "Hello", "no text of this name"),
        ("nonsense.subject", "Hello", "no text of this name"),
        ("sign_in_code.sms", "Come in", "must name {code}"),
        ("invitation.sms", "{username} {link}", "must name {password}"),
        ("sign_in_code.subject", "{code} is yours", "no placeholder {code}"),
        ("sign_in_code.intro", "{username}", "no placeholder {username}"),
        ("sign_in_code.intro", "{pool.__class__}", "no placeholder {pool.__class__}"),
        ("sign_in_code.intro", "{0}", "no placeholder {0}"),
        ("sign_in_code.intro", "open { brace", "no placeholder {"),
        ("sign_in_code.subject", "two\nlines", "no line break"),
        ("sign_in_code.subject", "a\r\nBcc: x@evil.example", "no line break"),
        ("sign_in_code.intro", "bell\x07", "control characters"),
        ("sign_in_code.intro", " ", "1 to 1000"),
        ("sign_in_code.subject", "x" * 151, "1 to 150"),
        ("sign_in_code.sms", "{code}" + "x" * 150, "1 to 150"),
    ],
)
def test_a_text_that_would_break_something_is_refused(key: str, text: str, why: str) -> None:
    with pytest.raises(Invalid, match=re.escape(why)) as refused:
        check_messages(MessagePolicy(texts={"ko": {key: text}}))
    assert refused.value.field == f"texts.ko.{key}"


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (MessagePolicy(from_name="A\r\nBcc: x@evil.example"), "from_name"),
        (MessagePolicy(from_address="no address"), "from_address"),
        (MessagePolicy(from_address="a@b.example\nBcc: x@evil.example"), "from_address"),
        (MessagePolicy(reply_to="Ada <a@b.example>"), "reply_to"),
    ],
)
def test_a_sender_that_is_none_is_refused(policy: MessagePolicy, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_messages(policy)
    assert refused.value.field == field
    check_messages(MessagePolicy("Acme Ünïted", "hello@acme.com", "help@acme.com"))


def test_what_is_vital_and_what_is_allowed() -> None:
    assert required_placeholders("sign_in_code.sms") == {"code"}
    assert required_placeholders("sign_in_code.subject") == set()
    assert allowed_placeholders("sign_in_code.sms") == {"code", "pool", "client", "time"}
    assert "password" not in allowed_placeholders("invitation.subject")


# ------------------------------------------------------------------------------------------ incomplete messages


@pytest.mark.parametrize("kind", list(Kind))
def test_a_message_that_lacks_something_cannot_be_made(kind: Kind) -> None:
    medium = min(TRAITS[kind].media)
    message(kind, medium=medium)
    for name in TRAITS[kind].needs:
        with pytest.raises(ValueError, match=name):
            message(kind, medium=medium, **{name: None if name not in {"username", "address"} else ""})


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ""},
        {"to": "a@b.example\r\nBcc: x@evil.example"},
        {"to": "a b@example.com"},
        {"to": "a@b.example\u2028"},
        {"link": "javascript:alert(1)"},
        {"link": "https://a.example/x y"},
        {"link": 'https://a.example/"><script>'},
        {"link": "/relative"},
    ],
)
def test_an_address_or_link_that_is_none_makes_no_message(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"address|link"):
        message(Kind.ACCOUNT_EXISTS, **changes)


def test_a_kind_goes_by_its_own_media() -> None:
    with pytest.raises(ValueError, match="does not go by sms"):
        message(Kind.CHANGE_EMAIL, medium="sms")
    with pytest.raises(ValueError, match="does not go by email"):
        message(Kind.CHANGE_PHONE_NUMBER)


def test_no_secret_shows_in_the_repr() -> None:
    shown = repr(message(Kind.INVITATION)) + repr(message(Kind.RECOVER_PASSWORD))
    assert CODE not in shown
    assert PASSWORD not in shown
    assert LINK not in shown


# --------------------------------------------------------------------------------------------------------- docs


def test_the_documentation_lists_what_there_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]*\|[^|]*) \|", page, re.MULTILINE))
    for kind in Kind:
        keys = [key for key in TEXTS if key.startswith(f"{kind}.")]
        names = set().union(*(allowed_placeholders(key) for key in keys)) - {"pool", "client"}
        media, _, listed = rows[kind].partition("|")
        assert media.strip() == ", ".join(sorted(TRAITS[kind].media)), kind
        assert listed.split() == [f"`{{{name}}}`" for name in sorted(names)], kind
    for key in TEXTS:
        if key.startswith("mail."):
            assert f"`{key}`" in page
