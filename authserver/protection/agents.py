"""What a browser calls itself, in words: "Firefox on Windows".

The header is whatever its sender likes, and the words end up in notices to the owner of the account. So only names from a
list of ours ever come out of it, and no part of the header itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

LONGEST = 400
"""Characters that are looked at: time grows with the square of the length."""

_REMEMBERED = 4096

Icon = Literal["phone", "desktop"]

_BROWSERS: Mapping[str, str] = {
    "Brave": "Brave",
    "Chrome": "Chrome",
    "Chromium": "Chromium",
    "DuckDuckGo": "DuckDuckGo",
    "Edge": "Edge",
    "Facebook": "Facebook",
    "Firefox": "Firefox",
    "HeadlessChrome": "Chrome",
    "IE": "Internet Explorer",
    "Instagram": "Instagram",
    "KAKAOTALK": "KakaoTalk",
    "Line": "LINE",
    "MIUI Browser": "Mi Browser",
    "NAVER": "NAVER",
    "Opera": "Opera",
    "Opera Mini": "Opera Mini",
    "QQ Browser": "QQ Browser",
    "Safari": "Safari",
    "Samsung Internet": "Samsung Internet",
    "UC Browser": "UC Browser",
    "Vivaldi": "Vivaldi",
    "WeChat": "WeChat",
    "Whale": "Whale",
    "Yandex Browser": "Yandex Browser",
}
"""Families of ua-parser, without what they say of the machine, and what people call them."""

_SYSTEMS: Mapping[str, str] = {
    "Android": "Android",
    "Chrome OS": "ChromeOS",
    "Fedora": "Linux",
    "FreeBSD": "FreeBSD",
    "HarmonyOS": "HarmonyOS",
    "KaiOS": "KaiOS",
    "Linux": "Linux",
    "Mac OS X": "macOS",
    "OpenBSD": "OpenBSD",
    "Tizen": "Tizen",
    "Ubuntu": "Linux",
    "Windows": "Windows",
    "Windows Phone": "Windows Phone",
    "iOS": "iOS",
}
_HANDHELD = frozenset({"Android", "HarmonyOS", "KaiOS", "Windows Phone", "iOS", "iPad", "iPhone"})
_OF_THE_MACHINE = (" Mobile WebView", " Mobile iOS", " Mobile", " iOS", " UI/WKWebView", " WebView", "Mobile ")


@dataclass(frozen=True, slots=True)
class Agent:
    """A browser and its system, in words; "" for what is not known. `icon` is how it is drawn."""

    browser: str = ""
    system: str = ""
    icon: Icon = "desktop"

    @property
    def words(self) -> str:
        """In English; pages say it in other languages from its parts."""
        if not self.browser or not self.system:
            return self.browser or self.system or "Unknown browser"
        return f"{self.browser} on {self.system}"

    def __str__(self) -> str:
        return self.words


@lru_cache(maxsize=_REMEMBERED)
def _describe(user_agent: str) -> Agent:
    browser, system = _parse()(user_agent)
    for part in _OF_THE_MACHINE:
        browser = browser.replace(part, "")
    system = _SYSTEMS.get(system, "")
    if system == "iOS":
        system = "iPad" if "iPad" in user_agent else "iPhone" if "iPhone" in user_agent else system
    return Agent(_BROWSERS.get(browser, ""), system, "phone" if system in _HANDHELD else "desktop")


def describe(user_agent: str) -> Agent:
    """The browser of a User-Agent header (RFC 9110 10.1.5). The first call of a process takes a quarter of a second;
    later ones a millisecond, or nothing for a header that was seen lately.
    """
    return _describe(user_agent[:LONGEST])


@cache
def _parse() -> Callable[[str], tuple[str, str]]:
    """The families of browser and system. ua-parser's patterns are loaded when the first header is read."""
    from ua_parser import BasicResolver, Domain, load_lazy_builtins

    resolve = BasicResolver(load_lazy_builtins())

    def parse(user_agent: str) -> tuple[str, str]:
        found = resolve(user_agent, Domain.USER_AGENT | Domain.OS)
        return found.user_agent.family if found.user_agent else "", found.os.family if found.os else ""

    return parse
