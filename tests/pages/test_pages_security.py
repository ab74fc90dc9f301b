"""The Content-Security-Policy and its companions: exact, and with no room for a directive of somebody else's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.errors import Invalid
from authserver.model.clients import redirect_uri_fault
from authserver.pages.security import content_security_policy, form_target, html_headers, image_sources
from authserver.pages.views import Account, AccountFrame, AppsSection, ClientMark, ConsentLine
from tests.pages.samples import BRANDED, NONCE, SHOP, context


@pytest.mark.parametrize(
    ("redirect_uri", "source"),
    [
        ("https://app.example/cb?x=1", "https://app.example"),
        ("https://app.example:443/cb", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("HTTPS://App.Example/cb", "https://app.example"),
        ("http://localhost:3000/cb", "http://localhost:3000"),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1"),
        ("http://[::1]:3000/cb", "http://*:3000"),
        ("https://[2001:db8::1]/cb", "https://*:443"),
        ("https://a_b.example./cb", "https://a_b.example."),
        ("com.example.app:/callback", "com.example.app:"),
        ("com.example.app://callback/x", "com.example.app:"),
    ],
)
def test_a_form_may_lead_to_the_origin_or_the_private_scheme(redirect_uri, source):
    assert form_target(redirect_uri) == source
    content_security_policy(NONCE, (source,))


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://app.example; script-src *",
        "https://app.example;script-src%20*/cb",
        "https://app.example,https://evil.example/cb",
        "https://app.example'unsafe-inline'/cb",
        "https://*.example/cb",
        "https://*/cb",
        "https://user@app.example/cb",
        "https:///cb",
        "https:/cb",
        "https://app.example:99999/cb",
        "https://app.example:x/cb",
        "https://[::1/cb",
        "https://[::1;x]/cb",
        "https://ex%61mple.com/cb",
        "https://ex\u00e4mple.com/cb",
        "https://app.example\n.evil.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "blob:https://x/1",
        "app scheme:/x",
        "app;x:/x",
        "callback",
        "",
        "com.example.app:/x\n; script-src *",
    ],
)
def test_what_has_no_clean_origin_is_refused(redirect_uri):
    with pytest.raises(Invalid) as refused:
        form_target(redirect_uri)
    assert refused.value.field == "redirect_uri"


@given(st.one_of(st.text(), st.from_regex(r"(https?|[a-z.]+):[/\[\]a-z0-9.:;,' *%@-]{0,40}", fullmatch=True)))
def test_no_text_makes_more_than_one_source(text):
    try:
        source = form_target(text)
    except Invalid:
        return
    assert not set(source) & set(" ;,'\"\t\r\n")
    policy = content_security_policy(NONCE, (source,))
    assert policy.count(";") == content_security_policy(NONCE).count(";")


@given(
    st.from_regex(
        r"(https://[a-z0-9.-]{1,20}(:[0-9]{1,5})?|[a-z]{1,5}(\.[a-z]{1,5}){1,3}:)/[a-z/?=]{0,9}", fullmatch=True
    )
)
def test_every_registrable_uri_on_a_plain_host_has_a_target(uri):
    if redirect_uri_fault(uri) is None and "-" not in uri and "//." not in uri and ".." not in uri:
        assert form_target(uri).startswith(uri.split("/")[0])


def directives(policy: str) -> dict[str, str]:
    return dict(directive.partition(" ")[::2] for directive in policy.split("; "))


def test_the_policy_allows_our_style_and_nothing_else():
    assert directives(content_security_policy(NONCE)) == {
        "default-src": "'none'",
        "script-src": f"'nonce-{NONCE}'",
        "style-src": f"'self' 'nonce-{NONCE}'",
        "img-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "connect-src": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_the_policy_names_this_sign_ins_target_and_logos_alone():
    policy = directives(
        content_security_policy(NONCE, ["https://a.example", "https://a.example", "com.example.app:"], ["data:"])
    )
    assert policy["form-action"] == "'self' https://a.example com.example.app:"
    assert policy["img-src"] == "'self' data:"


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("nonce", ("short",)),
        ("nonce", (NONCE + "' 'unsafe-inline",)),
        ("nonce", ("",)),
        ("form_targets", (NONCE, ["https://a.example; script-src *"])),
        ("form_targets", (NONCE, ["*"])),
        ("form_targets", (NONCE, ["data:"])),
        ("form_targets", (NONCE, ["javascript:"])),
        ("form_targets", (NONCE, ["'unsafe-inline'"])),
        ("form_targets", (NONCE, ["https://a.example/path"])),
        ("images", (NONCE, (), ["data:x"])),
        ("images", (NONCE, (), ["https://a.example b"])),
    ],
)
def test_a_source_that_is_not_one_is_refused(field, arguments):
    with pytest.raises(Invalid) as refused:
        content_security_policy(*arguments)
    assert refused.value.field == field


def test_images_come_from_the_logos_of_this_page():
    assert image_sources(context()) == ()
    assert image_sources(context(branding=BRANDED, client=SHOP)) == ("data:",)
    own = replace(BRANDED, logo="/static/logo.svg", logo_dark=None)
    other = ClientMark(name="x", logo_uri="https://cdn.example:8443/a/logo.png")
    assert image_sources(context(branding=own, client=other)) == ("https://cdn.example:8443",)
    assert image_sources(context(client=ClientMark(name="x", logo_uri="http://evil.example/pixel"))) == ()


def test_images_of_a_view_are_allowed_with_it_alone():
    shown = ClientMark(name="x", logo_uri="https://cdn.example/a.png")
    hostile = ClientMark(name="y", logo_uri="https://cdn.example; script-src *")
    lines = tuple(ConsentLine(id=c.name, client=c, groups=(), first_at=0) for c in (shown, hostile))
    frame = AccountFrame(account=Account(name="ada"), section="apps", urls=())
    view = AppsSection(frame=frame, consents=lines)
    assert image_sources(context(client=None), view) == ("https://cdn.example",)
    assert image_sources(context(client=None)) == ()
    assert "img-src 'self' https://cdn.example;" in html_headers(context(), (), view)["Content-Security-Policy"]
    assert "img-src 'self';" in html_headers(context())["Content-Security-Policy"]


def test_a_page_is_sent_with_every_protection():
    headers = html_headers(context(), (form_target("https://orders.example/cb"),))
    assert "form-action 'self' https://orders.example;" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "publickey-credentials-get=(self)" in headers["Permissions-Policy"]
    assert all("\n" not in value and value.isascii() for value in headers.values())
