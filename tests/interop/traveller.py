"""A person with a plain browser who goes from site to site: follows redirects, keeps cookies, fills in forms. The scripts of
others that send a form on are run in spirit.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import Cookie
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

_SENT_ON = ({"SAMLRequest"}, {"SAMLResponse"}, {"code", "state"}, {"error", "state"})
"""What is in a form that a page's own script sends."""


@dataclass
class Form:
    """A form of a page; `buttons` by id, or by what they say, with what pressing them adds."""

    action: str
    method: str
    id: str = ""
    values: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_sent_on(self) -> bool:
        return any(names <= self.values.keys() for names in _SENT_ON)


@dataclass(frozen=True)
class Page:
    """Where the person is. Past the last site there is nothing but the address."""

    url: str
    status: int = 0
    text: str = ""
    forms: tuple[Form, ...] = ()
    error: str | None = None
    """The code of an error page of ours."""


@dataclass(frozen=True)
class Sent:
    """What the browser was made to carry from one site to another."""

    url: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Traveller:
    """Somebody who is on the way until an address begins with one of `ends`, which is not visited."""

    def __init__(self, *ends: str) -> None:
        self._ends = ends
        self._http = httpx.Client(timeout=30, trust_env=False, headers={"Accept": "text/html", "Accept-Language": "en"})
        self.carried: list[Sent] = []
        self.sends_silent_cookies = False
        """Whether cookies that say nothing of SameSite go along with a POST from another site, as in Firefox and Safari."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def visit(self, url: str) -> Page:
        """To an address, and on until there is something to do."""
        return self._arrive(self._http.get(url))

    def post(self, url: str, values: dict[str, str], *, come_from: str) -> Page:
        """To an address by a form of another page."""
        return self._arrive(self._send(come_from, Form(url, "POST"), values))

    def submit(self, page: Page, button: str = "", **values: str) -> Page:
        """Fill in a form and press its button: the one form that has the button, or fields of these names."""
        found = [f for f in page.forms if (button in f.buttons if button else f.values.keys() >= values.keys())]
        assert len(found) == 1, f"{len(found)} forms fit at {page.url}:\n{page.text}"
        pressed = found[0].buttons[button] if button else {}
        return self._arrive(self._send(page.url, found[0], {**found[0].values, **values, **pressed}))

    def _arrive(self, answer: httpx.Response | str) -> Page:
        for _ in range(20):
            if isinstance(answer, str):
                return Page(answer)
            here = str(answer.url)
            target = _target(answer)
            if target is not None:
                self._note(here, target, "GET", {})
                answer = target if target.startswith(self._ends) else self._http.get(target)
                continue
            read = _Reader(answer.text)
            if len(read.forms) == 1 and read.forms[0].is_sent_on:
                answer = self._send(here, read.forms[0], read.forms[0].values)
                continue
            return Page(here, answer.status_code, answer.text, tuple(read.forms), read.error)
        raise AssertionError(f"going in circles: {self.carried}")

    def _send(self, here: str, form: Form, values: dict[str, str]) -> httpx.Response | str:
        """The answer, or the address where the way ends."""
        target = urljoin(here, form.action or here)
        self._note(here, target, form.method, values)
        if target.startswith(self._ends):
            return target
        if form.method == "GET":
            return self._http.get(target, params=values)
        abroad = _site(here) != _site(target)
        headers = {"Origin": _origin(here), "Sec-Fetch-Site": "cross-site" if abroad else "same-origin"}
        if not abroad:
            return self._http.post(target, data=values, headers=headers)
        # With SameSite=Lax, which Chromium takes silence for, no cookies go along with a POST from another site.
        with httpx.Client(timeout=30, trust_env=False, headers=self._http.headers) as bare:
            for cookie in filter(self._goes_abroad, self._http.cookies.jar):
                bare.cookies.jar.set_cookie(cookie)
            answer = bare.post(target, data=values, headers=headers)
        self._http.cookies.extract_cookies(answer)
        return answer

    def _goes_abroad(self, cookie: Cookie) -> bool:
        """Whether it goes along with a POST from another site. (Browsers want those with `None` to be Secure as well, and
        that takes TLS.)
        """
        said = cookie.get_nonstandard_attr("SameSite")
        return said == "None" or (said is None and self.sends_silent_cookies)

    def _note(self, here: str, target: str, method: str, values: dict[str, str]) -> None:
        if _site(here) != _site(target):
            self.carried.append(Sent(target, method, dict(values)))


def _target(answer: httpx.Response) -> str | None:
    """Where the answer sends the browser, by a redirect or by our page that leaves with a header."""
    if answer.is_redirect:
        return urljoin(str(answer.url), answer.headers["Location"])
    delay, _, url = answer.headers.get("Refresh", "").partition(";url=")
    return urljoin(str(answer.url), url) if delay == "0" and url else None


def _site(url: str) -> str | None:
    """Ports do not matter to what browsers call a site."""
    return urlsplit(url).hostname


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.error: str | None = None
        self._inside = False
        self._button: tuple[dict[str, dict[str, str]], dict[str, str], list[str]] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "main" and given.get("id") == "error":
            self.error = given.get("data-code", "")
        elif tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").upper(), given.get("id", "")))
            self._inside = True
        elif tag == "button" or (tag == "input" and given.get("type") == "submit"):
            self._press(given, open_=tag == "button")
        elif tag == "input" and given.get("name") and self._inside:
            kind = given.get("type", "text")
            if kind not in {"checkbox", "radio"} or "checked" in given:
                self.forms[-1].values[given["name"]] = given.get("value", "")

    def _press(self, given: dict[str, str], *, open_: bool) -> None:
        """A button belongs to the form around it, or to the one that it names."""
        owners = [form for form in self.forms if form.id == given["form"]] if "form" in given else self.forms[-1:]
        if owners and (self._inside or "form" in given):
            pressed = {given["name"]: given.get("value", "")} if given.get("name") else {}
            owners[0].buttons[given.get("id") or given.get("value", "")] = pressed
            self._button = (owners[0].buttons, pressed, []) if open_ else None

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button[2].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "button" and self._button is not None:
            buttons, pressed, words = self._button
            buttons["".join(words).strip()] = pressed
            self._button = None
