"""What customers' brandings are written against. A failure here means that an upgrade would break them in silence: names
may be added below, and nothing that stands there may be renamed, taken away or lose a placeholder.
"""

from pathlib import Path

from authserver.model.pools import Branding
from authserver.pages.branding import COLOURS, FONTS, LENGTHS, SCHEMES, check_branding, default_colours
from authserver.pages.i18n import placeholders
from authserver.pages.texts import REPLACEABLE, SLOTS

TOKENS = {
    "color-background": "#fff",
    "color-surface": "#fff",
    "color-text": "#000",
    "color-muted": "#333",
    "color-border": "#ddd",
    "color-control": "#777",
    "color-accent": "light-dark(#123456, #abcdef)",
    "color-on-accent": "light-dark(#fff, #000)",
    "color-link": "light-dark(#00f, #99f)",
    "color-danger": "#b00",
    "color-success": "#060",
    "radius": "24px",
    "button-radius": "2rem",
    "card-width": "40rem",
    "page-width": "90rem",
    "logo-size": "96px",
    "font": "'Acme Sans', sans-serif",
    "font-heading": "Acme Serif, serif",
    "scheme": "light dark",
}
"""Every token, at the edge of what it may be."""

TEXTS = {
    "sign_in.heading": {"name"},
    "sign_in.intro": {"pool"},
    "sign_in.continue": set(),
    "sign_in.sign_up": set(),
    "sign_in.passkey": set(),
    "password.heading": set(),
    "password.forgot": set(),
    "reauthentication.heading": set(),
    "reauthentication.intro": set(),
    "code.email_heading": set(),
    "code.sms_heading": set(),
    "code.totp_heading": set(),
    "code.backup_heading": set(),
    "new_password.heading": set(),
    "sign_up.heading": set(),
    "sign_up.intro": {"pool"},
    "sign_up.submit": set(),
    "sign_up.terms": {"terms", "policy"},
    "sign_up.terms_only": {"terms"},
    "sign_up.policy_only": {"policy"},
    "sign_up.done_heading": {"pool"},
    "sign_up.closed": set(),
    "sign_up.invitation": set(),
    "recover.heading": set(),
    "recover.intro": set(),
    "recover.closed": set(),
    "invitation.heading": set(),
    "enrol.heading": set(),
    "terms.heading": set(),
    "consent.heading": {"client"},
    "consent.approve": set(),
    "consent.deny": set(),
    "device.heading": set(),
    "account.heading": set(),
    "sign_out.heading": {"pool"},
    "signed_out.heading": set(),
}
"""Every text that may be replaced, with its placeholders."""

PLACES = {
    "sign_in.note",
    "password.note",
    "code.note",
    "new_password.note",
    "sign_up.note",
    "sign_up.done_note",
    "recover.note",
    "enrol.note",
    "consent.note",
    "blocked.note",
    "error.note",
    "account.note",
    "signed_out.note",
    "footer.note",
}
"""Every slot."""


def test_every_token_is_still_taken():
    check_branding(Branding(tokens=TOKENS))
    assert {*COLOURS, *LENGTHS, *FONTS, "scheme"} == TOKENS.keys(), "a new token belongs into the contract"
    assert {"light", "dark", "light dark"} <= SCHEMES


def test_every_text_still_has_its_placeholders():
    texts = {key: " ".join(f"{{{name}}}" for name in sorted(names)) or "x" for key, names in TEXTS.items()}
    check_branding(Branding(texts={"en": texts, "ko": texts}))
    assert REPLACEABLE.keys() == TEXTS.keys(), "a new text belongs into the contract"
    for key, names in TEXTS.items():
        assert placeholders(REPLACEABLE[key]) == names


def test_everything_of_the_contract_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "branding.md").read_text("utf-8")
    for name in (*TOKENS, *TEXTS, *PLACES):
        assert f"| `{name}` |" in page, name
    for name, (light, dark) in default_colours().items():
        assert f"| `{name}` | `{light.css}`, `{dark.css}` |" in page, name
    for key, text in REPLACEABLE.items():
        assert f"| `{key}` | {text} |" in page, key


def test_no_two_keys_stand_for_the_same_text():
    assert len(set(REPLACEABLE.values())) == len(REPLACEABLE)


def test_every_slot_is_still_there():
    check_branding(Branding(texts={"en": dict.fromkeys(PLACES, "x")}))
    assert SLOTS == PLACES, "a new slot belongs into the contract"
