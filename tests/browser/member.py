"""Somebody with an account in one of the club's pools, at a browser of their own."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.client_app import Attempt, ClientApp
from tests.browser.club import CLUB, Club, phone_number
from tests.browser.looking import Looker
from tests.browser.person import Person
from tests.system.post import Letter


@dataclass(eq=False)
class Member(Person):
    """A person of a pool; `name` is the user's."""

    club: Club = field(kw_only=True)
    looker: Looker = field(kw_only=True)
    pool: str = CLUB
    name: str = ""

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    @property
    def issuer(self) -> str:
        return self.club.issuer(self.pool)

    # -------------------------------------------------------------------------------------------------- messages

    def mail(self, about: str) -> Letter:
        """The next mail whose subject has these words."""
        return self.club.post.mail(self.email, about)

    def text(self) -> Letter:
        """The next text message."""
        return self.club.post.text(phone_number(self.name))

    # ----------------------------------------------------------------------------------------------------- pages

    def look(self, heading: str) -> None:
        """The page of this heading is there, and axe finds nothing serious on it."""
        expect(self.tab.get_by_role("heading", level=1)).to_have_text(heading)
        if self.looker.look(self.tab):
            self.picture(f"{self.pool}-{heading}".replace(" ", "-"))

    def press(self, button: str = "#continue") -> None:
        self.tab.click(button)

    def enter(self, code: str, *, remember: bool = False) -> None:
        """Types the code of this step and sends it."""
        self.tab.fill("#code", code)
        if remember:
            self.tab.check("#remember")
        self.press()

    # ------------------------------------------------------------------------------------------------- sign-ins

    def begin(self, client: ClientApp, tab: Page | None = None, **parameters: str) -> Attempt:
        """Is sent to the server by a client."""
        attempt = client.begin(**parameters)
        (tab or self.tab).goto(attempt.url)
        return attempt

    def came_back(self, client: ClientApp, attempt: Attempt, tab: Page | None = None) -> dict[str, Any]:
        """Is back at the client, which redeems the code: the token response."""
        tab = tab or self.tab
        tab.wait_for_url(f"{client.callback}?**")
        return client.redeem(attempt, tab.url)

    def give_password(self, password: str | None = None) -> None:
        """Name and password."""
        self.identify(self.name)
        if password is None:
            self.prove()
        else:
            self.prove(password)

    # ---------------------------------------------------------------------------------------------- account page

    def account(self, section: str = "") -> None:
        """Goes to a section of the account page."""
        self.tab.goto(f"{self.issuer}/account{f'/{section}' if section else ''}")

    def says(self, notice: str) -> None:
        """The account page says what was done."""
        expect(self.tab.locator("main").get_by_role("status").first).to_contain_text(notice)

    def sign_out(self) -> None:
        """Signs out by the pool's page."""
        self.tab.goto(f"{self.issuer}/logout")
        self.press("#sign-out")
        expect(self.tab.locator("#sign-out")).to_have_count(0)


def member_at(context: BrowserContext, club: Club, looker: Looker, pool: str, name: str) -> Member:
    """A member with a fresh tab."""
    return Member(context, club, context.new_page(), club=club, looker=looker, pool=pool, name=name)  # type: ignore[arg-type]  # what Person needs of its server, the club has
