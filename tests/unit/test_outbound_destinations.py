"""Which URLs and addresses the outbound client may ask: the spellings, the ranges, and what is exempt."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.effects import HttpForbidden
from authserver.outbound.destinations import Allowed, is_public, parse

USUAL = {
    "https://example.com": ("https", "example.com", 443, "/"),
    "https://example.com/a/b?c=d&e=%20": ("https", "example.com", 443, "/a/b?c=d&e=%20"),
    "https://EXAMPLE.com:8443/A": ("https", "example.com", 8443, "/A"),
    "HTTPS://example.com/": ("https", "example.com", 443, "/"),
    "http://localhost:8000/hook": ("http", "localhost", 8000, "/hook"),
    "https://xn--bcher-kva.example/": ("https", "xn--bcher-kva.example", 443, "/"),
    "https://8.8.8.8/": ("https", "8.8.8.8", 443, "/"),
    "https://[2606:4700::1111]:444/x": ("https", "2606:4700::1111", 444, "/x"),
    "https://[2606:4700:0:0::1111]/x": ("https", "2606:4700::1111", 443, "/x"),
    "https://example.com?q": ("https", "example.com", 443, "/?q"),
}


@pytest.mark.parametrize("url", USUAL)
def test_a_plain_url_is_taken_apart(url: str) -> None:
    to = parse(url)
    assert (to.scheme, to.host, to.port, to.target) == USUAL[url]


def test_the_host_header_names_the_port_only_where_it_is_another() -> None:
    assert parse("https://example.com:443/").authority == "example.com"
    assert parse("http://example.com:443/").authority == "example.com:443"
    assert parse("https://[::1]:444/").authority == "[::1]:444"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "https:example.com",
        "https:///path",
        "https://",
        "",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com/#fragment",
        "https://example.com/#",
        "https://example.com./",
        "https://localhost./",
        "https://127.0.0.1./",
        "https://.example.com/",
        "https://a..example/",
        "https://-a.example/",
        "https://a_b.example/",
        "https://exa%6dple.com/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.0x1/",
        "https://127.0.0.01/",
        "https://0/",
        "https://example.0x/",
        "https://256.1.1.1/",
        "https://[127.0.0.1]/",
        "https://[::1%25lo]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]extra/",
        "https://example.com:0/",
        "https://example.com:/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://example.com:8a/",
        "https://b\u00fccher.example/",
        "https://\u2460\u2461\u2466.0.0.1/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://example.com/\r\nHost: evil",
        "https://exam\tple.com/",
        " https://example.com/",
        "https://example.com/ ",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\x00",
        "https://" + "a" * 64 + "." * 200 + "/",
        "https://example.com/" + "a" * 2048,
        "https://" + "a." * 130 + "example/",
    ],
)
def test_any_other_spelling_is_refused(url: str) -> None:
    with pytest.raises(HttpForbidden):
        parse(url)


NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1",
    "2001:db8::1", "2001::1", "2001:2::1", "2001:20::1", "3fff::1", "4000::1", "5f00::1",
    "64:ff9b:1::808:808",
    # an IPv4 address inside: mapped, NAT64, 6to4, Teredo
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]  # fmt: skip

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "2001:db7:ffff::1", "2001:db9::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_that_is_not_of_the_internet_at_large_is_known(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_known(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_however_it_is_carried(address: object) -> None:
    number = int(address)  # type: ignore[call-overload]
    carried = [
        ip_address((0xFFFF << 32) | number),
        ip_address((0x64FF9B << 96) | number),
        ip_address((0x2002 << 112) | (number << 80) | 1),
    ]
    assert {is_public(a) for a in carried} == {is_public(address)}  # type: ignore[arg-type]


@given(st.ip_addresses(v=4))
def test_python_calls_private_nothing_that_we_call_public(address: object) -> None:
    if is_public(address):  # type: ignore[arg-type]
        assert address.is_global  # type: ignore[attr-defined]


def test_what_is_allowed_is_exempt_and_no_more_than_that() -> None:
    allowed = Allowed(["10.1.0.0/16", "::1", "hooks.internal", "127.0.0.1"])
    for address in ("10.1.2.3", "::1", "127.0.0.1", "::ffff:10.1.2.3"):
        assert allowed.permits("http", "any.example", ip_address(address)), address
    for address in ("10.2.0.1", "127.0.0.2", "::2", "8.8.8.8"):
        assert not allowed.permits("http", "any.example", ip_address(address)), address
    assert allowed.permits("http", "hooks.internal", ip_address("192.168.1.1"))
    assert not allowed.permits("https", "sub.hooks.internal", ip_address("192.168.1.1"))
    assert allowed.permits("https", "any.example", ip_address("8.8.8.8"))
