"""Design tokens: what a pool may set, and that the colours can be read."""

import re
from dataclasses import replace

import pytest

from authserver.errors import Invalid
from authserver.model.pools import Branding
from authserver.pages.assets import load_assets
from authserver.pages.branding import (
    COLOURS,
    CONTRASTS,
    FONTS,
    LENGTHS,
    STYLE_SHEET,
    TINT,
    TINTED,
    check_branding,
    contrast_faults,
    default_colours,
    merge,
    style_of,
)
from authserver.pages.colours import BLACK, WHITE, Colour, colour, contrast, ink_on, mixed, readable
from tests.pages.samples import BRANDED

CSS = STYLE_SHEET.read_text("utf-8")
SHEETS = {path.name: path.read_text("utf-8") for path in STYLE_SHEET.parent.glob("*.css")}
MODULES = {path.name: path.read_text("utf-8") for path in STYLE_SHEET.parent.glob("*.js")}


def test_the_style_sheets_stay_small():
    assert sum(len(sheet.encode()) for sheet in SHEETS.values()) <= 20_000


@pytest.mark.parametrize("name", SHEETS)
def test_a_style_sheet_is_layered_and_loads_nothing(name):
    css = SHEETS[name]
    assert "@layer tokens, base, layout, parts, states;" in CSS
    assert "@import" not in css
    assert "url(" not in css
    assert not re.search(r"\b(?:margin|padding|border)-(?:left|right)\b|text-align: (?:left|right)", css)
    flat = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    while "{" in flat:
        flat = re.sub(r"\{[^{}]*\}", ";", flat)
    rules = [rule.strip() for rule in flat.split(";") if rule.strip()]
    assert all(rule.startswith("@layer ") for rule in rules), "so that a pool's own rules come last"


def test_there_are_four_small_modules_without_dangerous_sinks():
    assert MODULES.keys() == {"passkey.js", "code.js", "password.js", "menu.js"}
    for name, module in MODULES.items():
        assert len(module.encode()) < 4000, name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function\(|fetch\(|import", module
        )


def test_the_share_of_a_tint_is_the_one_that_contrasts_are_checked_for():
    assert f"--tint: color-mix(in srgb, currentColor {TINT:.0%}, var(--pg-color-surface))" in CSS


def test_every_token_has_a_default_and_every_default_is_a_token():
    assert default_colours().keys() == COLOURS
    declared = set(re.findall(r"--pg-([a-z-]+):", CSS)) - {"wait", "resend"}
    assert declared == {*COLOURS, *LENGTHS, *FONTS, "scheme"}
    used = set(re.findall(r"var\(--pg-([a-z-]+)\)", "".join(SHEETS.values())))
    assert used - {"wait", "resend"} == declared, "a token that nothing uses would promise what it does not keep"


def test_browsers_without_light_dark_get_the_light_theme():
    plain = dict(re.findall(r"--pg-(color-[a-z-]+): (#[0-9a-f]{6});", CSS))
    assert {name: light.css for name, (light, _) in default_colours().items()} == plain


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "ratio"), CONTRASTS)
def test_the_default_colours_can_be_read(ink, ground, ratio, theme):
    colours = default_colours()
    assert contrast(colours[ink][theme], colours[ground][theme]) >= ratio


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ink", TINTED)
def test_the_default_colours_can_be_read_on_a_ground_tinted_with_them(ink, theme):
    colours = default_colours()
    ground = mixed(colours["color-surface"][theme], colours[ink][theme], TINT)
    assert contrast(colours[ink][theme], ground) >= 4.5


def test_contrast_is_that_of_wcag():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == pytest.approx(1)
    assert contrast(Colour(0x76, 0x76, 0x76), WHITE) == pytest.approx(4.54, abs=0.005)
    assert contrast(Colour(0x77, 0x77, 0x77), WHITE) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize(
    ("text", "css"),
    [
        ("#fff", "#ffffff"),
        ("#0A7", "#00aa77"),
        (" #12aB9f ", "#12ab9f"),
        ("rgb(1, 2, 3)", "#010203"),
        ("rgb(1 2 255)", "#0102ff"),
        ("hsl(0 100% 50%)", "#ff0000"),
        ("hsl(120deg, 100%, 25%)", "#008000"),
        ("red", None),
        ("#12345", None),
        ("#ffff", None),
        ("rgb(256 0 0)", None),
        ("rgb(1 2 3 / 50%)", None),
        ("hsl(400 1% 1%)", None),
        ("hsl(1 101% 1%)", None),
        ("var(--x)", None),
        ("", None),
    ],
)
def test_colours_are_read_as_css_writes_them(text, css):
    found = colour(text)
    assert (found.css if found else None) == css


@pytest.mark.parametrize("wanted", ["#ffe600", "#2457d6", "#000000", "#ffffff", "#7c3aed"])
@pytest.mark.parametrize("ground", [WHITE, BLACK, Colour(0x15, 0x18, 0x1E), Colour(0x77, 0x77, 0x77)])
def test_a_readable_colour_can_be_read(wanted, ground):
    asked = colour(wanted)
    found = readable(asked, ground)
    assert contrast(found, ground) >= 4.5
    if contrast(asked, ground) >= 4.5:
        assert found == asked, "what can be read already is left alone"
    assert contrast(ink_on(asked), asked) >= 4.5


def test_mixing_goes_from_one_colour_to_the_other():
    assert mixed(BLACK, WHITE, 0) == BLACK
    assert mixed(BLACK, WHITE, 0.5).css == "#808080"
    assert mixed(BLACK, WHITE, 1) == WHITE


def test_a_pool_without_tokens_adds_no_css():
    assert style_of(Branding()) == ""


def test_tokens_come_out_in_canonical_form():
    tokens = {"color-surface": "light-dark(rgb(255, 255, 255), #111)", "radius": "1rem", "font": "'Acme Sans', serif"}
    assert style_of(Branding(tokens=tokens)) == (
        ":root{--pg-color-surface:#ffffff;--pg-radius:1rem;--pg-font:Acme Sans,serif}"
        "@supports (color:light-dark(#000,#fff)){:root{--pg-color-surface:light-dark(#ffffff,#111111)}}"
    )
    assert style_of(Branding(tokens={"radius": "0", "scheme": "dark"})) == ":root{--pg-radius:0px;--pg-scheme:dark}"


def test_an_accent_alone_brings_a_readable_label_and_readable_links():
    css = style_of(Branding(tokens={"color-accent": "#ffe600"}))
    assert "--pg-color-accent:light-dark(#ffe600,#ffe600)" in css
    assert "--pg-color-on-accent:light-dark(#000000,#000000)" in css
    light, dark = re.search(r"--pg-color-link:light-dark\((#\w+),(#\w+)\)", css).groups()
    assert contrast(colour(light), WHITE) >= 4.5
    assert dark == "#ffe600"
    assert contrast_faults(Branding(tokens={"color-accent": "#ffe600"})) == ()


def test_what_the_pool_sets_itself_is_not_derived():
    css = style_of(Branding(tokens={"color-accent": "#ffe600", "color-on-accent": "#333", "color-link": "#00f"}))
    assert "--pg-color-on-accent:#333333" in css
    assert "--pg-color-link:#0000ff" in css


def test_colours_too_close_to_read_are_reported():
    (fault,) = contrast_faults(Branding(tokens={"color-muted": "light-dark(#bbb, #aaa)", "color-background": "#fff"}))[
        :1
    ]
    assert fault.startswith("color-text on color-background has a contrast of 1.1 in the dark theme")
    assert contrast_faults(Branding()) == ()
    assert contrast_faults(BRANDED) == ()


def test_a_colour_that_is_lost_on_its_own_tint_is_reported():
    just_enough = Branding(tokens={"color-danger": "light-dark(#d93a30, #ff9b93)"})
    (fault,) = contrast_faults(just_enough)
    assert fault.startswith("color-danger on a ground tinted with it has a contrast of 4.0 in the light theme")


def test_a_clients_branding_lies_over_the_pools():
    pool = Branding(
        tokens={"color-accent": "#7c3aed", "color-on-accent": "#fff", "color-link": "#7c3aed", "radius": "6px"},
        logo="/pool.svg",
        logo_dark="/pool-dark.svg",
        texts={"en": {"sign_in.note": "Pool", "footer.note": "Pool"}, "ko": {"footer.note": "풀"}},
    )
    assert merge(pool, None) is pool
    client = Branding(tokens={"radius": "2px"}, texts={"en": {"sign_in.note": "Client"}, "de": {"footer.note": "x"}})
    merged = merge(pool, client)
    assert merged.tokens == {**pool.tokens, "radius": "2px"}
    assert (merged.logo, merged.logo_dark) == ("/pool.svg", "/pool-dark.svg")
    assert merged.texts == {
        "en": {"sign_in.note": "Client", "footer.note": "Pool"},
        "ko": {"footer.note": "풀"},
        "de": {"footer.note": "x"},
    }


def test_a_clients_logo_comes_without_the_pools_dark_one():
    pool = Branding(logo="/pool.svg", logo_dark="/pool-dark.svg")
    merged = merge(pool, Branding(logo="/client.svg"))
    assert (merged.logo, merged.logo_dark) == ("/client.svg", None)


def test_a_clients_accent_is_not_labelled_in_the_pools_ink():
    pool = Branding(tokens={"color-accent": "#123456", "color-on-accent": "#fff", "color-link": "#123456"})
    merged = merge(pool, Branding(tokens={"color-accent": "#ffe600"}))
    assert merged.tokens == {"color-accent": "#ffe600"}
    assert contrast_faults(merged) == ()
    kept = merge(pool, Branding(tokens={"color-accent": "#ffe600", "color-on-accent": "#222"}))
    assert kept.tokens["color-on-accent"] == "#222"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("color-accent", "#123", "red"),
        ("color-accent", "#123", "#123;}body{display:none"),
        ("color-accent", "#123", "light-dark(#123, #456, #789)"),
        ("color-accent", "light-dark(#123, #456)", "light-dark(#123)"),
        ("color-accent", "light-dark(rgb(1,2,3),hsl(1,2%,3%))", "light-dark(rgb(1,2,3),url(x))"),
        ("color-accent", "#123", "url(https://evil.example)"),
        ("radius", "8px", "8"),
        ("radius", "24px", "25px"),
        ("radius", "1.5rem", "2rem"),
        ("radius", "0", "-1px"),
        ("radius", "8px", "calc(8px)"),
        ("card-width", "400px", "0"),
        ("logo-size", "48px", "500px"),
        ("font", "Inter, 'Noto Sans KR', sans-serif", "Inter; color: red"),
        ("font", "Inter", "Inter</style>"),
        ("font", "Inter", "inherit"),
        ("font", "Inter", "url(x)"),
        ("font", "Inter", "a," * 12 + "a"),
        ("font", "Inter", ""),
        ("font-heading", "Georgia, serif", "Georgia; x: y"),
        ("button-radius", "32px", "33px"),
        ("page-width", "60rem", "100rem"),
        ("scheme", "light", "normal"),
        ("scheme", "light dark", "light dark;"),
    ],
)
def test_only_colours_lengths_and_fonts_get_through(name, good, bad):
    check_branding(Branding(tokens={name: good}))
    with pytest.raises(Invalid) as refused:
        check_branding(Branding(tokens={name: bad}))
    assert refused.value.field == f"tokens.{name}"


@pytest.mark.parametrize("name", ["colour-accent", "--pg-color-accent", "wait", "", "x}body{"])
def test_an_unknown_token_is_refused_by_name(name):
    with pytest.raises(Invalid) as refused:
        check_branding(Branding(tokens={name: "#123"}))
    assert "color-accent" in refused.value.sentence


@pytest.mark.parametrize("text", ["#123", "light-dark(#abc, hsl(1 2% 3%))", "Inter", "1rem"])
def test_no_css_of_a_pool_can_close_its_element(text):
    for name in (*COLOURS, *LENGTHS, *FONTS, "scheme"):
        try:
            css = style_of(Branding(tokens={name: text}))
        except Invalid:
            continue
        assert not set(css) & set("<>&\"'\\")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("https://cdn.example/logo.svg", "http://cdn.example/logo.svg"),
        ("/static/logo.svg", "//cdn.example/logo.svg"),
        ("http://127.0.0.1:8001/logo.svg", "http://10.0.0.1/logo.svg"),
        ("data:image/png;base64,AAAA", "data:text/html;base64,AAAA"),
        ("data:image/svg+xml;base64,AAAA", "data:image/svg+xml,<svg>"),
        ("data:image/png;base64," + "A" * 60_000, "data:image/png;base64," + "A" * 70_000),
    ],
)
def test_a_logo_is_something_a_page_may_load(good, bad):
    check_branding(Branding(logo=good))
    with pytest.raises(Invalid) as refused:
        check_branding(Branding(logo=bad))
    assert refused.value.field == "logo"
    check_branding(Branding(logo_dark=good))
    with pytest.raises(Invalid) as refused:
        check_branding(Branding(logo_dark=bad))
    assert refused.value.field == "logo_dark"


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("sign_in.heading", "Welcome to {name}", "Welcome to {nobody}"),
        ("sign_in.heading", "Welcome", "{name.__class__} {pool}"),
        ("sign_in.note", "Staff only", "{name}"),
        ("sign_in.note", "x" * 300, "x" * 301),
        ("consent.approve", "Yes", " "),
    ],
)
def test_a_text_has_only_the_placeholders_of_its_original(key, good, bad):
    check_branding(Branding(texts={"en": {key: good}}))
    with pytest.raises(Invalid) as refused:
        check_branding(Branding(texts={"en": {key: bad}}))
    assert refused.value.field == f"texts.en.{key}"
    with pytest.raises(Invalid):
        check_branding(Branding(texts={"en": {key + "x": good}}))


def test_the_branding_of_the_gallery_is_valid():
    check_branding(BRANDED)
    check_branding(replace(BRANDED, logo=None))


def test_assets_are_named_after_what_they_hold(tmp_path):
    (tmp_path / "pages.css").write_text("a{}")
    (tmp_path / "notes.txt").write_text("not served")
    (asset,) = load_assets(tmp_path).values()
    assert (asset.source, asset.content_type) == ("pages.css", "text/css; charset=utf-8")
    assert asset.name == f"pages.{asset.digest}.css"
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    (tmp_path / "pages.css").write_text("b{}")
    (changed,) = load_assets(tmp_path).values()
    assert changed.name != asset.name
    assert {asset.source for asset in load_assets().values()} == {*SHEETS, *MODULES, "icon.svg"}
    (script,) = [asset for asset in load_assets().values() if asset.source == "menu.js"]
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
