"""What every page holds: ids, fields, words; and that no text from outside becomes anything but text."""

from dataclasses import fields, is_dataclass, replace

import pytest

from authserver.model.clients import Client
from authserver.model.pools import Branding
from authserver.pages.render import MAX_SHOWN, initial, shown
from authserver.pages.texts import ERROR_CODES, error_words
from authserver.pages.views import (
    THEME_COOKIE,
    Account,
    ClientMark,
    ConsentStep,
    ErrorPage,
    IdentifierStep,
    LanguageLink,
    PasswordStep,
    SignedOut,
    SignOutConfirm,
    scope_groups,
)
from tests.pages.outline import Outline, form_of, submits
from tests.pages.samples import (
    ACTION,
    ADA,
    ALL_SCOPES,
    API_SCOPES,
    BRANDED,
    CLIENT,
    HOSTILE,
    NONCE,
    POOL,
    RENDERER,
    context,
)
from tests.pages.states import VIEWS, html, outline

EVERY_PAGE = [(name, language) for name in VIEWS for language in ("en", "ko")]


def page(view, language="en", **changes) -> Outline:
    return Outline(RENDERER.render(view, context(language, **changes)))


@pytest.mark.parametrize(("name", "language"), EVERY_PAGE)
def test_every_page_is_a_whole_document_with_one_heading(name, language):
    text = html(name, language)
    document = outline(name, language)
    assert text.startswith("<!doctype html>\n")
    assert document.one("html")["lang"] == language
    assert document.one("html")["dir"] == "ltr"
    assert document.one("h1").text.strip()
    assert document.one("main") in document.one("h1").parents
    assert document.one("title").text.strip()
    ids = [element["id"] for element in document.elements if element.get("id")]
    assert len(ids) == len(set(ids)), "an id stands for one element"
    for script in document.all("script"):
        assert (script["type"], script["nonce"], script.text) == ("module", NONCE, "")
        assert script["src"].removeprefix("/static/") in RENDERER.assets
    sources = [script["src"] for script in document.all("script")]
    assert len(sources) == len(set(sources))
    assert not [a for element in document.elements for a in element.attributes if a == "style" or a.startswith("on")]


@pytest.mark.parametrize(("name", "language"), EVERY_PAGE)
def test_every_form_posts_with_its_step_and_token(name, language):
    document = outline(name, language)
    for form in document.all("form"):
        assert form["method"] == "post"
        hidden = {e["name"]: e["value"] for e in document.inside(form, "input") if e.get("type") == "hidden"}
        if "data-send" in form.attributes:  # it goes to another site, which must not learn our token
            assert form["action"].startswith(("https://id.example/", "https://shop.example/"))
            assert not hidden.keys() & {"csrf", "step"}
        else:
            assert hidden.keys() >= {"csrf", "step"}
        assert [button for button in document.inside(form, "button") if button["type"] == "submit"]
    for button in document.all("button"):
        if button["type"] == "submit":
            assert [parent for parent in button.parents if parent.tag == "form"]
        else:
            assert (button["type"], "hidden" in button.attributes) == ("button", True), "it is for scripts to show"


@pytest.mark.parametrize(("name", "language"), EVERY_PAGE)
def test_every_visible_field_has_a_label_and_its_description_exists(name, language):
    document = outline(name, language)
    labelled = {label.get("for") for label in document.all("label")}
    for field in [*document.all("input"), *document.all("select")]:
        out_of_reach = any(parent.get("aria-hidden") for parent in field.parents)
        within = any(parent.tag == "label" for parent in field.parents)
        if field.get("type") != "hidden" and not out_of_reach:
            assert within or field["id"] in labelled
        if out_of_reach:
            assert field["tabindex"] == "-1"
        described = [document.id(part) for part in (field.get("aria-describedby") or "").split()]
        if field.get("aria-invalid"):
            assert [part for part in described if part.get("role") == "alert"], "its fault is in words"


def test_the_title_names_the_page_and_the_pool():
    assert page(IdentifierStep()).one("title").text == "Sign in · Demo"
    assert page(PasswordStep(identifier="ada"), "ko").one("title").text == "로그인 · Demo"
    assert page(ErrorPage(code="not_found"), pool_name=None).one("title").text == "Page not found"


def test_the_identifier_step_lets_a_password_manager_fill_both_fields():
    document = page(IdentifierStep())
    username, password = document.id("username"), document.id("password")
    form = form_of(username)
    assert form in password.parents, "both are in the same form"
    assert (username["name"], username["autocomplete"]) == ("username", "username")
    assert (password["name"], password["autocomplete"]) == ("password", "current-password")
    assert username["autocapitalize"] == "none"
    assert username["spellcheck"] == "false"
    assert username["enterkeyhint"] == "next"
    assert "autofocus" in username.attributes
    assert "required" in username.attributes
    assert "required" not in password.attributes, "nobody can see it to fill it in"
    assert document.inside(form, "button")[0]["id"] == "continue", "Enter presses the first button"


def test_the_password_step_tells_a_password_manager_whose_password_it_is():
    document = page(PasswordStep(identifier="ada", forgot_password_url="/forgotPassword"))
    password = document.id("password")
    form = form_of(password)
    (username,) = [e for e in document.inside(form, "input") if e["name"] == "username"]
    assert (username["value"], username["autocomplete"]) == ("ada", "username")
    assert "readonly" in username.attributes
    assert (password["type"], password["autocomplete"]) == ("password", "current-password")
    assert "value" not in password.attributes
    assert "autofocus" in password.attributes
    assert submits(document, form)[0]["id"] == "continue"
    assert document.id("forgot-password")["href"] == "/forgotPassword"
    change = document.id("change-identifier")
    assert form not in change.parents, "Enter in the password field must not change the account"


@pytest.mark.parametrize(
    ("sign_in_with", "label", "inputmode"),
    [
        (("username",), "Username", "text"),
        (("preferred_username", "username"), "Username", "text"),
        (("email",), "Email", "email"),
        (("phone_number",), "Phone number", "tel"),
        (("username", "email"), "Username or email", "email"),
        (("email", "phone_number"), "Email or phone number", "email"),
        (("username", "phone_number"), "Username or phone number", "text"),
        (("phone_number", "email", "username"), "Username, email or phone number", "email"),
    ],
)
def test_the_identifier_field_is_called_what_the_pool_signs_in_with(sign_in_with, label, inputmode):
    document = page(IdentifierStep(sign_in_with=sign_in_with, fault="empty"))
    assert document.one("label").text == label
    assert document.id("username")["inputmode"] == inputmode
    assert document.id("problem").text == f"Enter your {label[0].lower()}{label[1:]}."


@pytest.mark.parametrize(
    ("view", "field", "words"),
    [
        (IdentifierStep(fault="empty"), "username", "Enter your username or email."),
        (PasswordStep(identifier="ada", fault="empty"), "password", "Enter your password."),
        (
            PasswordStep(identifier="ada", fault="wrong_credentials"),
            "password",
            "Incorrect username or password.",
        ),
    ],
)
def test_a_fault_is_tied_to_its_field_which_gets_the_focus(view, field, words):
    document = page(view)
    invalid = document.id(field)
    assert invalid["aria-invalid"] == "true"
    assert document.id(invalid["aria-describedby"]).text == words
    assert [e.get("id") for e in document.elements if "autofocus" in e.attributes] == [field]
    fine = page(replace(view, fault=None))
    assert fine.id(field).get("aria-invalid") is None
    assert not fine.has_id("problem")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second."), (89, "89 seconds."), (90, "2 minutes."), (240, "4 minutes."), (0, "1 second.")],
)
def test_a_pause_is_told_in_words_and_runs_in_the_style(seconds, words):
    for view in (
        IdentifierStep(fault="throttled", retry_after=seconds),
        PasswordStep(identifier="ada", fault="throttled", retry_after=seconds),
    ):
        document = page(view)
        assert f"Try again in {words}" in document.id("problem").text
        assert f"--pg-wait:{max(1, seconds)}s" in document.one("style").text
        assert document.one("style")["nonce"] == context().nonce


def test_a_known_account_is_continued_by_a_button_of_its_own():
    document = page(IdentifierStep(accounts=(ADA, Account(id="b2", name="Bob"))))
    chips = [
        form
        for form in document.all("form")
        if "account" in [e.get("value") for e in document.inside(form, "input") if e["name"] == "step"]
    ]
    assert len(chips) == 2
    assert [e["value"] for e in document.inside(chips[0], "input") if e["name"] == "account"] == ["a1"]
    assert "Continue as ada" in document.inside(chips[0], "button")[0].text
    assert "autofocus" not in document.id("username").attributes, "the chips come first"


def test_what_is_switched_off_is_not_there():
    assert page(IdentifierStep(sign_up_url="/signup")).id("sign-up")["href"] == "/signup"
    assert not page(IdentifierStep()).has_id("sign-up")
    assert not page(PasswordStep(identifier="ada")).has_id("forgot-password")
    assert not page(SignOutConfirm()).has_id("cancel")
    assert page(SignOutConfirm(cancel_url="/account")).id("cancel")["href"] == "/account"
    assert not page(SignedOut()).has_id("return")
    assert page(SignedOut(return_url="com.example.app:/out")).id("return")["href"] == "com.example.app:/out"


def test_consent_shows_the_scopes_in_words_grouped_by_api():
    groups = scope_groups(POOL, (*ALL_SCOPES, *API_SCOPES))
    document = page(ConsentStep(account=ADA, groups=groups, returns_to="orders.example"))
    assert [heading.text for heading in document.all("h2")] == ["Your account", "Orders API", "https://files.example"]
    lines = [item.text.strip() for item in document.all("li") if not any(p.tag == "nav" for p in item.parents)]
    assert lines == [
        "Confirm who you are",
        "See your name and profile",
        "See your email address",
        "See your phone number",
        "See your postal address",
        "Keep this access while you are away",
        "Read your orders",
        "Place and cancel orders for you",
        "https://files.example/all",
    ]
    approve, deny = document.id("approve"), document.id("deny")
    assert (approve["name"], approve["value"]) == ("decision", "approve")
    assert (deny["name"], deny["value"]) == ("decision", "deny")
    assert approve.parents[-1] is deny.parents[-1]
    assert document.id("switch-account").parents[-1] is not approve.parents[-2]


def test_consent_marks_only_what_is_new_among_what_was_allowed():
    def new(before):
        groups = scope_groups(POOL, ("openid", "email", API_SCOPES[0]), before)
        document = page(ConsentStep(account=ADA, groups=groups))
        return [badge.parents[-1].text.removesuffix("New") for badge in document.all("em")]

    assert new(("openid",)) == ["See your email address", "Read your orders"]
    assert new(()) == [], "the first time everything is new, so nothing needs a mark"


def test_an_api_cannot_borrow_the_words_of_a_built_in_scope():
    lookalike = replace(POOL.resource_servers[0], name="Your account", identifier="openid")
    pool = replace(POOL, resource_servers=(lookalike,))
    (group,) = scope_groups(pool, ("openid/read",))
    assert group.api == "Your account"
    assert group.scopes[0].description == "Read your orders"
    assert scope_groups(pool, ("openid",))[0].api is None


@pytest.mark.parametrize("code", [*ERROR_CODES, "something_unheard_of"])
def test_every_error_code_has_words_and_its_mark(code):
    document = page(ErrorPage(code=code))
    main = document.id("error")
    assert main.tag == "main"
    assert main["data-code"] == code
    assert document.one("h1").text == error_words(code).heading
    assert document.one("code").text == context().request_id


def test_a_sign_in_that_is_gone_says_which_way():
    headings = {
        reason: page(ErrorPage(code="expired", reason=reason)).one("h1").text
        for reason in (None, "foreign", "finished", "unnamed")
    }
    assert len(set(headings.values())) == 4
    gone = page(ErrorPage(code="expired", reason="foreign", restart_url="/p/oauth2/authorize?client_id=x"))
    assert (gone.id("error")["data-code"], gone.id("error")["data-reason"]) == ("expired", "foreign")
    assert gone.id("restart")["href"] == "/p/oauth2/authorize?client_id=x"


def test_an_error_leads_back_to_the_client_if_it_may():
    document = page(ErrorPage(code="access_denied", back_url="https://orders.example/"))
    assert document.id("back").text == "Back to Orders"
    assert not document.has_id("restart")
    assert not page(ErrorPage(code="access_denied", back_url="javascript:alert(1)")).has_id("back")


def test_details_are_folded_away_and_only_there_when_given():
    assert not page(ErrorPage(code="invalid_request")).all("details")
    document = page(ErrorPage(code="invalid_request", details=(("error_description", "No such URI."),)))
    assert "open" not in document.one("details").attributes
    assert document.one("dd").text == "No such URI."


def test_without_a_pool_an_error_page_names_nobody():
    document = page(ErrorPage(code="internal"), pool_name=None, client=None, languages=(), theme_cookie="")
    assert not document.all("header")
    assert not document.all("footer")
    assert "Demo" not in document.one("html").text


def test_the_language_menu_is_plain_links():
    document = page(IdentifierStep(), "ko")
    english, korean = document.inside(document.one("nav"), "a")
    assert (english["lang"], english["hreflang"], english.text) == ("en", "en", "English")
    assert korean["href"] == f"{ACTION}&lang=ko"
    assert korean["aria-current"] == "true"
    assert english.get("aria-current") is None
    assert not page(IdentifierStep(), languages=context().languages[:1]).all("nav"), "one language is no choice"


# ------------------------------------------------------------------------------------------------ hostile texts


def benign(value):
    """The same view with every hostile text replaced by a harmless one."""
    if isinstance(value, str):
        return value.replace(HOSTILE, "harmless")
    if isinstance(value, tuple):
        return tuple(benign(item) for item in value)
    if is_dataclass(value) and not isinstance(value, Branding):
        return replace(value, **{f.name: benign(getattr(value, f.name)) for f in fields(value)})
    return value


@pytest.mark.parametrize("name", [name for name in VIEWS if name.endswith("hostile")])
def test_hostile_texts_change_no_element_and_no_attribute(name):
    view, changes = VIEWS[name]
    attacked = page(view, **changes)
    twin = page(benign(view), **{key: benign(value) for key, value in changes.items()})
    assert "<script>" in attacked.one("html").text, "it is there to read"
    assert "<script>" not in twin.one("html").text
    shape = [(e.tag, tuple(e.attributes)) for e in attacked.elements]
    assert shape == [(e.tag, tuple(e.attributes)) for e in twin.elements]


def test_a_hostile_address_is_left_out_where_a_good_one_is_linked():
    groups = scope_groups(POOL, ("openid",))

    def addresses(client):
        document = page(ConsentStep(account=ADA, groups=groups), client=client)
        return [e.get("href") or e.get("src") for e in [*document.all("a"), *document.all("img")] if not e.get("lang")]

    good = ClientMark(name="x", policy_uri="https://x.example/p", logo_uri="https://x.example/logo.png")
    assert addresses(good) == ["https://x.example/p", "https://x.example/logo.png"]
    for policy_uri, logo_uri in (
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("JavaScript:alert(1)", "http://x.example/logo.png"),
        ("data:text/html,x", "data:text/html;base64,PHNjcmlwdD4="),
        ("//evil.example", "//evil.example/x.png"),
        ("https://user@evil.example", "https://user:pw@evil.example/x.png"),
        ("https://x.example/\u202e", "https://x.example/\n"),
        ('https://x.example/"onclick="', "https://[bad/x.png"),
        (" https://x.example", "file:///etc/passwd"),
    ):
        assert addresses(ClientMark(name="x", policy_uri=policy_uri, logo_uri=logo_uri)) == []


def test_a_long_way_to_restart_is_not_lost():
    restart = "https://login.example/demo_Pool1/oauth2/authorize?claims=" + "x" * 4000
    assert page(ErrorPage(code="expired", restart_url=restart)).id("restart")["href"] == restart


def test_shown_names_are_one_short_line_without_tricks():
    assert shown("  Acme\n\tCorp\u2028 ") == "Acme Corp"
    assert shown("pay\u202elapy\u2066\u200f\u200b") == "paylapy"
    assert shown("\x00\x1b[31mred\x7f") == "[31mred"
    assert shown("👩\u200d💻 Dev") == "👩\u200d💻 Dev"
    assert len(shown("x" * 300)) == MAX_SHOWN
    assert shown("x" * MAX_SHOWN) == "x" * MAX_SHOWN
    assert (initial(" ada"), initial("«가나»"), initial("!"), initial("")) == ("A", "가", "?", "?")


def test_a_client_without_a_name_is_called_by_its_id():
    assert ClientMark.of(Client("demo-web", "p_1")).name == "demo-web"
    assert ClientMark.of(Client("demo-web", "p_1", client_name="Demo")).name == "Demo"


def test_a_bad_token_in_the_store_costs_the_branding_and_not_the_page():
    bad = Branding(tokens={"color-accent": "red;}</style><script>alert(1)</script>"})
    document = page(IdentifierStep(), branding=bad)
    assert not document.all("style")
    assert document.has_id("continue")
    assert page(IdentifierStep(), branding=BRANDED).one("style").text.startswith(":root{--pg-color-accent:#7c3aed;")


def test_a_logo_stands_in_for_the_name():
    light, dark = page(IdentifierStep(), branding=BRANDED, client=None).all("img")
    assert (light["class"], dark["class"]) == ("on-light", "on-dark")
    assert light["src"] != dark["src"]
    for logo in (light, dark):
        assert (logo["alt"], logo["referrerpolicy"]) == ("Demo", "no-referrer")
    one = page(IdentifierStep(), branding=replace(BRANDED, logo_dark=None), client=None).one("img")
    assert one.get("class") is None, "one logo serves both themes"
    settled = replace(BRANDED, tokens={"scheme": "dark"})
    assert page(IdentifierStep(), branding=settled, client=None).one("img")["src"] == dark["src"]
    assert not page(IdentifierStep(), client=CLIENT).all("img")


def test_the_theme_is_chosen_only_where_the_pool_leaves_it_open():
    document = page(IdentifierStep())
    assert document.id("theme")["data-cookie"] == THEME_COOKIE
    assert document.one("html").get("data-theme") is None
    assert page(IdentifierStep(), theme="dark").one("html")["data-theme"] == "dark"
    settled = Branding(tokens={"scheme": "light"})
    assert not page(IdentifierStep(), theme="dark", branding=settled).has_id("theme")
    assert page(IdentifierStep(), theme="dark", branding=settled).one("html").get("data-theme") is None
    assert not page(IdentifierStep(), theme_cookie="").has_id("theme")


def test_many_languages_fold_into_a_menu():
    many = tuple(LanguageLink(tag=tag, name=tag, url=f"?lang={tag}") for tag in ("en", "ko", "de", "fr", "ja"))
    document = page(IdentifierStep(), languages=many)
    assert document.one("summary").text.strip() == "en"
    assert len(document.inside(document.one("details"), "a")) == 5
    assert not page(IdentifierStep(), languages=many[:4]).all("details")
