"""Passkeys in Chromium with its virtual authenticator: made, used from the button and from autofill, second, removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.club import KEYS
from tests.browser.conftest import Come
from tests.browser.member import Member

pytestmark = pytest.mark.xdist_group("club")

_LAPTOP = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": False,
}


@dataclass(frozen=True)
class Keychain:
    """The virtual authenticator of a tab. Nobody is at it unless `touched`."""

    devtools: CDPSession
    id: str

    @contextmanager
    def touched(self) -> Iterator[None]:
        """Somebody confirms whatever it asks meanwhile."""
        self._send("setAutomaticPresenceSimulation", enabled=True)
        yield
        self._send("setAutomaticPresenceSimulation", enabled=False)

    def passkeys(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._send("getCredentials")["credentials"]
        return found

    def put_back(self, passkey: dict[str, Any]) -> None:
        self._send("addCredential", credential=passkey)

    def recognise(self, owner: bool) -> None:
        """Whether the finger is the owner's, from now on."""
        self._send("setUserVerified", isUserVerified=owner)

    def _send(self, command: str, **values: Any) -> Any:
        return self.devtools.send(f"WebAuthn.{command}", {"authenticatorId": self.id, **values})


def keychain_of(member: Member) -> Keychain:
    devtools = member.context.new_cdp_session(member.tab)
    devtools.send("WebAuthn.enable")
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": _LAPTOP})
    return Keychain(devtools, made["authenticatorId"])


_NO_AUTOFILL = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"
"""Else an authenticator that is touched answers the first page before anybody can press its button."""


def test_made_used_from_the_button_after_a_password_and_removed(come: Come, forge: ClientApp):
    member = come("xena", KEYS, scripts=True)
    member.context.add_init_script(_NO_AUTOFILL)
    keychain = keychain_of(member)
    member.account("security")
    member.give_password()
    member.look("Sign-in and security")
    member.press("#add-passkey")
    member.look("Add a passkey")
    member.tab.fill("#name", "Laptop")
    with keychain.touched():
        member.press()
        member.says("Your passkey is ready")
    (passkey,) = keychain.passkeys()
    member.look("Sign-in and security")
    expect(member.tab.get_by_text("Laptop", exact=True)).to_be_visible()
    member.mail("A way to sign in was added to your Key Works account")
    member.sign_out()

    # Cancelled, and tried again.
    attempt = member.begin(forge)
    member.look("Sign in to Forge")
    with keychain.touched():
        keychain.recognise(False)
        member.press("#passkey")
        expect(member.tab.get_by_role("alert")).to_contain_text("It was cancelled")
        member.look("Sign in to Forge")
        keychain.recognise(True)
        member.press("#passkey")
        claims = claims_of(member.came_back(forge, attempt)["id_token"])
    assert (claims["amr"], claims["acr"]) == (["hwk", "user", "mfa"], "urn:poolgate:acr:3")
    member.sign_out()

    # After a password it comes second.
    attempt = member.begin(forge)
    member.give_password()
    member.look("Use your passkey")
    with keychain.touched():
        member.press()
        claims = claims_of(member.came_back(forge, attempt)["id_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "hwk", "user", "mfa"], "urn:poolgate:acr:4")

    member.account("security")
    member.tab.get_by_role("button", name="Remove").click()
    member.look("Remove this passkey?")
    member.press()
    member.says("The passkey was removed")
    member.mail("A way to sign in was removed from your Key Works account")
    member.sign_out()

    attempt = member.begin(forge)
    if not keychain.passkeys():  # the page has told the keychain (WebAuthn Signal API)
        keychain.put_back(passkey)
    with keychain.touched():
        member.press("#passkey")
        expect(member.tab.get_by_role("alert")).to_contain_text("We do not know this passkey")
    member.refused(422)
    member.look("Sign in to Forge")


def test_the_invitation_after_a_password_and_autofill_on_another_device(come: Come, forge: ClientApp):
    member = come("bea", KEYS, scripts=True)
    keychain = keychain_of(member)
    attempt = member.begin(forge)
    member.give_password()
    member.look("Sign in faster next time")
    member.press()
    member.look("Add a passkey")
    with keychain.touched():
        member.press()
        tokens = member.came_back(forge, attempt)
    (passkey,) = keychain.passkeys()

    other = come("bea", KEYS, scripts=True)
    synced = keychain_of(other)
    synced.put_back(passkey)
    with synced.touched():  # chosen among the names that the browser offers
        attempt = other.begin(forge)
        claims = claims_of(other.came_back(forge, attempt)["id_token"])
    assert claims["sub"] == claims_of(tokens["id_token"])["sub"]
    assert claims["acr"] == "urn:poolgate:acr:3"
