"""Twilio's Programmable Messaging. https://www.twilio.com/docs/messaging/api/message-resource"""

import base64
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

import orjson

from authserver.adapters.sms.gateway import Call, code_of
from authserver.adapters.sms.url import Given, checked
from authserver.messages.transport import Envelope, TryAgain, Undeliverable

FORM: Final = "twilio://ACCOUNT_SID:AUTH_TOKEN@?from=+15550100200"

_HOPELESS: Final = frozenset({21211, 21214, 21217, 21265, 21408, 21610, 21612, 21614, 21617})
"""Error codes about this number or text: invalid, no mobile, of a country not enabled, unsubscribed, too long."""


@dataclass(frozen=True, slots=True)
class Twilio:
    origin: str
    account: str
    token: str = field(repr=False)
    sender: str
    name: str = "Twilio"

    def call(self, envelope: Envelope, _at: float, _salt: str) -> Call:
        # A messaging service picks the number by itself; its ids begin with MG.
        sender = "MessagingServiceSid" if self.sender.startswith("MG") else "From"
        key = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        return Call(
            f"{self.origin}/2010-04-01/Accounts/{quote(self.account, safe='')}/Messages.json",
            {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {key}"},
            urlencode({"To": envelope.to, sender: self.sender, "Body": envelope.text}).encode(),
        )

    def judge(self, status: int, body: bytes) -> None:
        if status in {200, 201}:
            return
        code = orjson.loads(body).get("code")
        if code in _HOPELESS:
            raise Undeliverable(f"error {code_of(code)}")
        raise TryAgain(f"answers {status}, error {code_of(code)}")


def twilio(given: Given) -> Twilio:
    """`twilio://ACCOUNT_SID:AUTH_TOKEN@?from=+15550100200`; `from` may be a messaging service (MG...). Raises Invalid."""
    checked(given, FORM, "from")
    return Twilio(given.origin("api.twilio.com"), given.user, given.secret, given.options["from"])
