"""Browsers in words, whatever they call themselves."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authserver.protection import agents
from authserver.protection.agents import LONGEST, Agent, describe

CHROME_OS = "SOrC"[::-1]  # the other way round: spelling checkers mend it
KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "words", "icon"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Firefox on Windows",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/126.0.0.0 Safari/537.36",
            "Chrome on Windows",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
            "Edge on Windows",
            "desktop",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
            "Safari on macOS",
            "desktop",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/17.5 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
            "phone",
        ),
        (
            (
                "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 "
                "Mobile/15E148 Safari/604.1"
            ),
            "Chrome on iPad",
            "phone",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {KHTML} Chrome/126.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
            "phone",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-S921N) {KHTML} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
            "phone",
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0", "Firefox on Android", "phone"),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Firefox on Linux",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (X11; {CHROME_OS} x86_64 14541.0.0) {KHTML} Chrome/126.0.0.0 Safari/537.36",
            "Chrome on ChromeOS",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {KHTML} HeadlessChrome/126.0.0.0 Safari/537.36",
            "Chrome on Linux",
            "desktop",
        ),
        ("curl/8.5.0", "Unknown browser", "desktop"),
        ("", "Unknown browser", "desktop"),
    ],
)
def test_a_browser_has_words_and_an_icon(user_agent: str, words: str, icon: str) -> None:
    found = describe(user_agent)
    assert (found.words, found.icon) == (words, icon)
    assert str(found) == words


def test_half_of_it_is_said_where_half_is_known() -> None:
    assert describe("Mozilla/5.0 (Windows NT 10.0)").words == "Windows"
    assert Agent(browser="Firefox").words == "Firefox"


@pytest.mark.parametrize(
    "user_agent",
    [
        "Call-us-at-evil.example-now/1.0",
        "evil.example bot/1.0 (+https://evil.example)",
        "YourAccountIsLocked-evilbot/2.1",
        "Mozilla/5.0 (compatible; Visit.evil.example-crawler/1.0)",
        "<b>x</b>",
    ],
)
def test_nothing_of_the_header_itself_reaches_the_owners_notice(user_agent: str) -> None:
    assert describe(user_agent) == Agent()


@settings(max_examples=50, deadline=None)
@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["Mozilla/5.0 ", "(iPhone; ", "Firefox/1 ", "evil.example ", "bot/", "; "])).map("".join)
)
def test_only_words_of_ours_come_out(user_agent: str) -> None:
    found = describe(user_agent)
    assert found.browser in {"", *agents._BROWSERS.values()}
    assert found.system in {"", "iPhone", "iPad", *agents._SYSTEMS.values()}


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "(",
        "; ",
        "1.",
        "Chrome/",
        "Mozilla ",
        " ",
        "Android ",
        "x/1 ",
        "_",
        "bot ",
        "iPhone OS ",
        "AppleWebKit/ Mobile/ ",
    ],
)
def test_a_header_made_to_be_slow_is_not(part: str) -> None:
    describe("Mozilla/5.0")  # loads the patterns
    for text in (part * LONGEST, part * 100_000):
        began = time.process_time()
        agents._describe.__wrapped__(text[:LONGEST])
        describe(text)
        assert time.process_time() - began < 0.2


def test_the_memory_of_headers_is_bounded() -> None:
    assert agents._describe.cache_info().maxsize == 4096
