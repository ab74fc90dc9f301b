"""A person with a plain browser: follows redirects, keeps cookies, fills in the form on the page. No JavaScript."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

from tests.dev_server import PASSWORD

_PRIMARY = ("continue", "approve", "sign-out")
"""Ids of the buttons that lead on (DESIGN 4)."""


class Stuck(AssertionError):  # noqa: N818 - what the person is
    """The person sees a page that leads nowhere."""


class Person:
    """Signs in as `username` wherever the server at `base_url` asks for it."""

    def __init__(self, username: str, base_url: str) -> None:
        self.username = username
        self.pages: list[str] = []
        """Paths of the pages that the person has filled in, in order."""
        self._base_url = base_url
        self._http = httpx.Client(timeout=30, trust_env=False, headers={"Accept": "text/html", "Accept-Language": "en"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def visit(self, url: str, until: str) -> str:
        """Goes to `url` and on from there, and returns the first address that begins with `until`, unvisited.

        Raises Stuck on an error page, and where no form leads on.
        """
        answer = self._http.get(url)
        for _ in range(12):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["Location"])
                if target.startswith(until):
                    return target
                if not target.startswith(f"{self._base_url}/"):
                    raise Stuck(f"redirected to {target}, expected {until}")
                answer = self._http.get(target)
            else:
                answer = self._fill_in(answer)
        raise Stuck(f"going in circles: {self.pages}")

    def _fill_in(self, answer: httpx.Response) -> httpx.Response:
        page = _Page(answer)
        if answer.status_code != 200 or page.error is not None:
            raise Stuck(f"{answer.status_code} {page.error or ''} at {answer.url}:\n{answer.text}")
        form, button = page.form_that_leads_on()
        known = {"username": self.username, "password": PASSWORD}
        values = form.hidden | {name: known[name] for name in form.entries if name in known} | button
        target = urljoin(str(answer.url), form.action)
        self.pages.append(urlsplit(target).path)
        # What any current browser sends with a form: the server checks it where it is sent.
        return self._http.post(target, data=values, headers={"Origin": self._base_url, "Sec-Fetch-Site": "same-origin"})


@dataclass
class _Form:
    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    entries: list[str] = field(default_factory=list)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)


class _Page(HTMLParser):
    """The forms of a page, and the code of its error if it is an error page."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self.error: str | None = None
        self._at = str(answer.url)
        self._text = answer.text
        self.feed(answer.text)

    def form_that_leads_on(self) -> tuple[_Form, dict[str, str]]:
        for form in self.forms:
            for id_ in _PRIMARY:
                if id_ in form.buttons:
                    return form, form.buttons[id_]
        raise Stuck(f"no button leads on at {self._at}:\n{self._text}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "main" and given.get("id") == "error":
            self.error = given.get("data-code", "")
        elif tag == "form":
            assert given.get("method", "").lower() == "post", given
            self.forms.append(_Form(given.get("action", "")))
        elif tag == "input" and self.forms:
            if given.get("type") == "hidden":
                self.forms[-1].hidden[given["name"]] = given.get("value", "")
            elif "name" in given:
                self.forms[-1].entries.append(given["name"])
        elif tag == "button" and self.forms:
            pressed = {given["name"]: given.get("value", "")} if "name" in given else {}
            self.forms[-1].buttons[given.get("id", "")] = pressed
