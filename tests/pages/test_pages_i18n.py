"""Languages: which one is spoken, and that each is spoken whole."""

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from authserver.model.pools import Branding
from authserver.pages.i18n import Catalogues, choose_language, placeholders
from authserver.pages.render import Renderer
from authserver.pages.texts import REPLACEABLE, SLOTS
from authserver.pages.views import IdentifierStep
from tests.pages.catalogue import PAGES, extracted, po_files, read, updated
from tests.pages.outline import Outline
from tests.pages.samples import context

CATALOGUES = Catalogues()


def ids(catalogue):
    return {message.id for message in catalogue if message.id}


def strings(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


def test_there_is_korean():
    assert [path.parts[-3] for path in po_files()] == ["ko"]
    assert CATALOGUES.languages == ("en", "ko")


@pytest.mark.parametrize("path", po_files(), ids=lambda path: path.parts[-3])
def test_a_catalogue_is_complete(path):
    catalogue = read(path)
    assert ids(catalogue) == ids(extracted()), "run `python -m tests.pages.catalogue`"
    assert not catalogue.obsolete
    assert not list(catalogue.check())
    for message in catalogue:
        if message.id:
            assert not message.fuzzy, message.id
            assert all(strings(message)), message.id


@pytest.mark.parametrize("path", po_files(), ids=lambda path: path.parts[-3])
def test_bringing_a_current_catalogue_up_to_date_changes_nothing(path):
    assert updated(path) == path.read_bytes()


@pytest.mark.parametrize("path", po_files(), ids=lambda path: path.parts[-3])
def test_a_translation_keeps_its_placeholders(path):
    for message in read(path):
        if message.id:
            original = message.id if isinstance(message.id, str) else message.id[-1]
            for translation in strings(message):
                assert placeholders(translation) == placeholders(original), original


def test_no_korean_particle_depends_on_what_a_placeholder_holds():
    (korean,) = [path for path in po_files() if path.parts[-3] == "ko"]
    for message in read(korean):
        for text in strings(message) if message.id else ():
            assert not re.search(r"\}(?:을|를|은|는|이|가|과|와|으로|로)(?![가-힣])", text), text


def test_extraction_sees_every_call_of_the_templates():
    calls = 0
    for template in (PAGES / "templates").rglob("*.html"):
        calls += len(re.findall(r"(?<![\w.])_\(\"", template.read_text("utf-8")))
    found = sum(len([1 for name, _ in m.locations if name.startswith("templates/")]) for m in extracted() if m.id)
    assert calls > 40
    assert found <= calls
    assert "Continue as {name}" in ids(extracted())


def test_no_template_holds_words_of_its_own():
    """Text outside of a translation call would stay English for everybody."""
    for template in (PAGES / "templates").rglob("*.html"):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text("utf-8"), flags=re.DOTALL)
        for words in re.findall(r">([^<]*)<", text):
            assert not re.search(r"[A-Za-z]{2,}", words), f"{template.name}: {words!r}"


def test_every_replaceable_text_is_used_by_a_page():
    used = "".join(template.read_text("utf-8") for template in (PAGES / "templates").rglob("*.html"))
    for key, text in REPLACEABLE.items():
        assert f'_("{text}"' in used, key
    for key in SLOTS:
        assert f'slot("{key}")' in used


def test_messages_are_translated_and_filled():
    korean, english = CATALOGUES.translator("ko"), CATALOGUES.translator("en")
    assert english.gettext("Sign in to {name}", name="Orders") == "Sign in to Orders"
    assert korean.gettext("Sign in to {name}", name="Orders") == "Orders에 로그인"
    singular, plural = "Try again in {n} second.", "Try again in {n} seconds."
    assert english.ngettext(singular, plural, 1) == "Try again in 1 second."
    assert english.ngettext(singular, plural, 2) == "Try again in 2 seconds."
    assert korean.ngettext(singular, plural, 2) == "2초 후에 다시 시도해 주세요."
    assert CATALOGUES.translator("xx").language == "en"


def test_values_are_escaped_unless_they_are_markup():
    t = CATALOGUES.translator("en").gettext
    assert t("Sign in to {name}", name="<b>") == "Sign in to &lt;b&gt;"
    assert t("Sign in to {name}", name=Markup("<b>")) == "Sign in to <b>"
    assert t("Sign in to {name}", name="{pool}") == "Sign in to {pool}", "a value is not filled again"
    with pytest.raises(KeyError):
        t("Sign in to {name}")


def test_a_particle_is_joined_to_the_name_before_it():
    """Else the line breaks between them, since the name is an element of its own."""
    t, name = CATALOGUES.translator("ko").gettext, Markup("<bdi>Harbour Market</bdi>")
    assert t("Sign in to {name}", name=name) == "<bdi>Harbour Market</bdi>\u2060에 로그인"
    assert t("Continue as {name}", name=name) == "<bdi>Harbour Market</bdi> 님으로 계속"
    assert CATALOGUES.translator("en").gettext("Use your {pool} account.", pool=name).count("\u2060") == 0


def test_a_pool_replaces_texts_in_its_languages():
    branding = Branding(
        texts={"en": {"sign_in.heading": "Welcome to {name}"}, "ko": {"sign_in.note": "<b>{name} 사내용"}}
    )
    english, korean = CATALOGUES.translator("en", branding), CATALOGUES.translator("ko", branding)
    assert english.gettext("Sign in to {name}", name="Orders") == "Welcome to Orders"
    assert korean.gettext("Sign in to {name}", name="Orders") == "Orders에 로그인"
    assert korean.slot("sign_in.note") == "<b>{name} 사내용"
    assert english.slot("sign_in.note") == ""


def test_a_replaced_text_reaches_no_attribute_and_no_other_value():
    for text in ("{name.__class__}", "{pool}", "{name!r}", "{0}"):
        t = CATALOGUES.translator("en", Branding(texts={"en": {"sign_in.heading": text}})).gettext
        assert t("Sign in to {name}", name="Orders") in {"Sign in to Orders", text}
    markup = CATALOGUES.translator("en", Branding(texts={"en": {"sign_in.heading": "<i>{name}"}})).gettext
    assert markup("Sign in to {name}", name="x") == "&lt;i&gt;x"
    unknown = CATALOGUES.translator("en", Branding(texts={"en": {"nonsense": "x"}}))
    assert unknown.gettext("Continue") == "Continue"


def test_the_menu_calls_languages_by_their_own_names():
    menu = CATALOGUES.menu(("ko", "xx", "en"), lambda tag: f"?lang={tag}")
    assert [(link.tag, link.name, link.url) for link in menu] == [
        ("ko", "한국어", "?lang=ko"),
        ("en", "English", "?lang=en"),
    ]


def test_only_languages_of_the_pool_that_we_speak_are_offered():
    assert CATALOGUES.offered(("ko", "fr")) == ("ko",)
    assert CATALOGUES.offered(("fr",)) == ("en",)
    assert CATALOGUES.offered(()) == ("en",)


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        ({}, "en"),
        ({"accept_language": "ko"}, "ko"),
        ({"accept_language": "ko-KR,ko;q=0.9,en;q=0.8"}, "ko"),
        ({"accept_language": "en;q=0.5, KO ; q=0.9"}, "ko"),
        ({"accept_language": "ko;q=0"}, "en"),
        ({"accept_language": "*, ko;q=0.1"}, "ko"),
        ({"accept_language": "fr, de;q=0.9"}, "en"),
        ({"accept_language": "ko;q=oops, ;;, \x00"}, "en"),
        ({"accept_language": "," * 10_000 + "ko"}, "en"),
        ({"accept_language": "en", "cookie": "ko"}, "ko"),
        ({"cookie": "en", "lang": "ko"}, "ko"),
        ({"lang": "en", "ui_locales": ("ko-KR", "en")}, "ko"),
        ({"ui_locales": ("fr", "ko"), "lang": "en"}, "ko"),
        ({"ui_locales": ("ko",), "picked": "en"}, "en"),
        ({"picked": "xx", "ui_locales": ("ko",)}, "ko"),
        ({"lang": "ko_KR"}, "ko"),
        ({"lang": "kok"}, "en"),
        ({"cookie": "../../etc"}, "en"),
        ({"lang": ""}, "en"),
    ],
)
def test_the_first_wish_that_can_be_met_is(wishes, language):
    assert choose_language(("en", "ko"), **wishes) == language


def test_the_pools_first_language_is_its_default():
    assert choose_language(("ko", "en"), accept_language="fr") == "ko"
    assert choose_language(("pt-BR", "en"), accept_language="pt") == "pt-BR"
    assert choose_language(("en", "zh-Hant"), accept_language="zh-Hant-TW") == "zh-Hant"
    assert choose_language(("en", "zh-Hant"), accept_language="zh-CN") == "en", "another script is no substitute"


@pytest.fixture
def arabic(tmp_path: Path) -> Catalogues:
    folder = tmp_path / "ar" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "poolgate.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Continue"\nmsgstr "متابعة"\n', "utf-8"
    )
    return Catalogues(tmp_path)


def test_a_language_is_added_by_dropping_in_a_file(arabic):
    renderer = Renderer("/static", arabic)
    renderer.warm()
    document = Outline(renderer.render(IdentifierStep(), context("ar")))
    assert (document.one("html")["lang"], document.one("html")["dir"]) == ("ar", "rtl")
    assert document.id("continue").text == "متابعة"
    assert document.one("label").text == "Username or email", "what is not translated yet stays English"
