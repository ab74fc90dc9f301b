"""Fields that password managers understand, views that say what they send, and values in words."""

import inspect
import re
from dataclasses import is_dataclass, replace
from typing import get_args

import pytest
from markupsafe import Markup

from authserver.event_kinds import EVENT_KINDS
from authserver.pages import views
from authserver.pages.i18n import Catalogues, placeholders
from authserver.pages.moments import Moments, clock
from authserver.pages.render import element_id, grouped, otpauth, qr_drawing
from authserver.pages.texts import ADVICE, BAD_NOTICES, EVENT_WORDS, NOTICES, PLAIN_NOTICES, advice, event_words
from authserver.pages.views import (
    Account,
    AccountFrame,
    ChangeAddressStep,
    ChangePassword,
    CodeStep,
    ConfirmAddressStep,
    DataSection,
    EnrolTotp,
    FieldFault,
    FieldKind,
    FieldView,
    Flash,
    IdentifierStep,
    NewPassword,
    NewPasswordStep,
    Notice,
    PasswordRules,
    PasswordStep,
    RecoverAsk,
    RecoverCode,
    SignUpForm,
)
from authserver.protection import strength
from tests.pages.outline import Outline, form_of, submits
from tests.pages.samples import NOW, RENDERER, context
from tests.pages.states import VIEWS, outline


def page(view, language="en", **changes) -> Outline:
    return Outline(RENDERER.render(view, context(language, **changes)))


def tokens(document) -> dict[str, str]:
    """Autocomplete token by field name, of what is not hidden."""
    return {e["name"]: e["autocomplete"] for e in document.all("input") if e.get("autocomplete") and e.get("name")}


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        (IdentifierStep(), {"username": "username", "password": "current-password"}),
        (IdentifierStep(passkey_options="{}"), {"username": "username webauthn", "password": "current-password"}),
        (PasswordStep(identifier="ada"), {"username": "username", "password": "current-password"}),
        (CodeStep(method="email_code"), {"code": "one-time-code"}),
        (CodeStep(method="totp"), {"code": "one-time-code"}),
        (CodeStep(method="backup_codes"), {"code": "off"}),
        (ConfirmAddressStep(medium="sms", target="x"), {"code": "one-time-code"}),
        (EnrolTotp(qr=Markup(), secret="A"), {"code": "one-time-code", "name": "off"}),
        (
            NewPasswordStep(identifier="ada", reason="reset", password=NewPassword()),
            {"username": "username", "new_password": "new-password"},
        ),
        (
            RecoverCode(identifier="ada", medium="email", password=NewPassword()),
            {"code": "one-time-code", "username": "username", "new_password": "new-password"},
        ),
        (
            ChangePassword(username="ada", password=NewPassword()),
            {"username": "username", "password": "current-password", "new_password": "new-password"},
        ),
        (RecoverAsk(), {"username": "username"}),
        (ChangeAddressStep(medium="email"), {"email": "email"}),
        (ChangeAddressStep(medium="sms"), {"phone_number": "tel"}),
        (
            SignUpForm(
                fields=(
                    FieldView(name="username"),
                    FieldView(name="email", kind="email"),
                    FieldView(name="given_name"),
                ),
                password=NewPassword(),
            ),
            {"username": "username", "email": "email", "given_name": "given-name", "new_password": "new-password"},
        ),
        (
            SignUpForm(fields=(FieldView(name="email", kind="email"),), password=NewPassword()),
            {"email": "username", "new_password": "new-password"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_fields_tell_password_managers_what_they_are(view, wanted):
    document = page(view)
    assert tokens(document) == wanted
    owners = [e for e in document.all("input") if "username" in (e.get("autocomplete") or "").split()]
    passwords = [e for e in document.all("input") if "password" in (e.get("autocomplete") or "")]
    for password in passwords:
        assert form_of(password) in owners[0].parents, "name and password are in one form"


@pytest.mark.parametrize("method", ["email_code", "sms_code", "totp"])
def test_a_code_is_one_numeric_field_that_takes_blanks(method):
    code = page(CodeStep(method=method)).id("code")
    assert (code["name"], code["inputmode"], code["type"]) == ("code", "numeric", "text")
    assert int(code["maxlength"]) > 6, "a pasted code may have blanks in it"
    assert "pattern" not in code.attributes
    backup = page(CodeStep(method="backup_codes")).id("code")
    assert backup["inputmode"] == "text"


def test_a_managed_password_can_be_made_to_fit_the_rules():
    rules = PasswordRules(min_length=12, lowercase=True, numbers=True)
    document = page(NewPasswordStep(identifier="a", reason="reset", password=NewPassword(rules=rules)))
    field = document.id("new_password")
    assert field["passwordrules"] == "minlength: 12; required: lower; required: digit;"
    assert "maxlength" not in field.attributes, "a long password is not cut in silence"
    assert [item.text for item in document.all("li") if item.get("data-rule")] == [
        "At least 12 characters",
        "A lower-case letter",
        "A number",
    ]


@pytest.mark.parametrize("name", VIEWS)
def test_every_secret_field_is_typed_and_never_filled_in_by_us(name):
    for field in outline(name).all("input"):
        if "password" in (field.get("autocomplete") or "") or field.get("name") in {"password", "new_password"}:
            assert field["type"] == "password"
            assert "value" not in field.attributes


@pytest.mark.parametrize("name", VIEWS)
def test_the_first_button_of_a_form_is_the_one_that_enter_presses(name):
    document = outline(name)
    for field in document.all("input"):
        forms = [parent for parent in field.parents if parent.tag == "form"]
        if forms and field.get("type") in {"text", "password", "tel"} and "tabindex" not in field.attributes:
            first = submits(document, forms[-1])[0]
            assert "primary" in first["class"] or "danger" in first["class"]


# ------------------------------------------------------------------------------------------------ views


def every_view() -> list[type]:
    return [
        kind
        for kind in vars(views).values()
        if isinstance(kind, type) and "template" in vars(kind) and is_dataclass(kind)
    ]


def test_every_view_has_states_to_look_at():
    shown = {type(view) for view, _ in VIEWS.values()}
    assert set(every_view()) == shown


def test_every_step_of_a_form_is_told_in_its_views_docstring():
    said = {kind: inspect.getdoc(kind) + inspect.getdoc(inspect.getmodule(kind)) for kind in every_view()}
    for name, (view, _) in VIEWS.items():
        for field in outline(name).all("input"):
            if field.get("name") == "step":
                assert f"`{field['value']}`" in said[type(view)], (name, field["value"])


def test_a_qr_drawing_holds_nothing_else():
    good = '<svg viewBox="0 0 9 9" class="segno"><path class="qrline" stroke="#000" d="M0 0h1"/></svg>'
    assert qr_drawing(good) == '<svg viewBox="0 0 9 9"><path stroke="#000" d="M0 0h1"/></svg>'
    for bad in ("<script>x</script>", good + "<script>", '<svg onload="x"><a>', "<svg><foreignObject></svg>", "plain"):
        assert qr_drawing(bad) == "", bad


def test_a_secret_is_typed_in_groups():
    assert grouped("JBSWY3DPEH") == "JBSW Y3DP EH"
    assert element_id("custom:a.b") == "custom-a-b"
    assert otpauth("otpauth://totp/Demo:ada?secret=A&issuer=D%20x") is not None
    assert otpauth("javascript:alert(1)") is None
    assert otpauth("otpauth://totp/x<y") is None


def test_advice_is_in_words_two_at_most():
    said = advice(("common", "sequence", "common", "unheard of", "more"))
    assert said == ["Many people use this password or one like it.", "Rows such as abc or 6543 are easy to guess."]
    assert set(ADVICE) == set(strength.ADVICE)


def test_everything_in_the_activity_list_has_words():
    listed = {kind for kind, about in EVENT_KINDS.items() if about.activity}
    assert listed <= set(EVENT_WORDS)


def test_every_notice_has_words_with_a_name_and_without():
    assert set(NOTICES) == set(get_args(Notice)) >= BAD_NOTICES | PLAIN_NOTICES
    for notice, words in NOTICES.items():
        assert placeholders(words.sentence) == frozenset(), notice
        assert words.named is None or placeholders(words.named) == {"name"}, notice
    section = DataSection(frame=AccountFrame(account=Account(name="a"), section="data", urls=()))
    for name, said in (("", "The device is signed out."), ("Chrome", "Signed out: Chrome")):
        flash = Flash(notice="session_ended", name=name)
        document = page(replace(section, frame=replace(section.frame, flash=flash)))
        assert [e.text for e in document.elements if e.get("role") == "status"] == [said]


def test_every_fault_of_a_field_has_words():
    for kind in get_args(FieldKind):
        for fault in get_args(FieldFault):
            document = page(SignUpForm(fields=(FieldView(name="x", kind=kind, fault=fault, maximum=3, minimum=3),)))
            assert document.id("x-problem").text
            assert "{" not in document.id("x-problem").text


@pytest.mark.parametrize(
    ("distance", "words"),
    [(0, "just now"), (-59, "just now"), (-60, "1 minute ago"), (-2 * 3600, "2 hours ago"), (3 * 86400, "in 3 days")],
)
def test_recent_times_are_told_by_their_distance(distance, words):
    moments = Moments("en", NOW, "just now")
    told = moments.when(NOW + distance)
    assert f">{words}</time>" in told
    assert "2026-" in told, "the exact time stands behind it"


def test_other_times_are_told_as_dates():
    at = NOW - 40 * 86400
    assert ">October 21, 2026</time>" in Moments("en", NOW, "just now").when(at)
    assert ">2026년 10월 21일</time>" in Moments("ko", NOW, "방금 전").when(at)
    assert ">November 30, 2026</time>" in Moments("en", 0, "just now").when(NOW)
    assert (clock(95), clock(5), clock(-1)) == ("1:35", "0:05", "0:00")


def test_everything_in_the_activity_list_is_told_in_korean_too():
    korean = Catalogues().translator("ko")
    for kind, about in EVENT_KINDS.items():
        if about.activity:
            sentence = event_words(kind).sentence
            assert str(korean.gettext(sentence)) != sentence, kind
            assert re.search("[가-힣]", korean.gettext(sentence)), kind
