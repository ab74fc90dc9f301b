"""Vonage's SMS API. https://developer.vonage.com/en/api/sms"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import orjson

from authserver.adapters.sms.gateway import Call, code_of, in_gsm_alphabet
from authserver.adapters.sms.url import Given, checked
from authserver.messages.transport import Envelope, TryAgain, Undeliverable

FORM: Final = "vonage://API_KEY:API_SECRET@?from=Acme"

_HOPELESS: Final = frozenset({"3", "6", "7", "12", "29"})
"""Statuses about this number or text: invalid, unroutable, barred, too long, not among the allowed ones of a trial."""


@dataclass(frozen=True, slots=True)
class Vonage:
    origin: str
    key: str
    secret: str = field(repr=False)
    sender: str
    name: str = "Vonage"

    def call(self, envelope: Envelope, _at: float, _salt: str) -> Call:
        values = {
            "api_key": self.key,
            "api_secret": self.secret,
            "to": envelope.to.removeprefix("+"),
            "from": self.sender.removeprefix("+"),
            "text": envelope.text,
        }
        # Otherwise what the seven-bit alphabet lacks arrives as question marks.
        values |= {} if in_gsm_alphabet(envelope.text) else {"type": "unicode"}
        return Call(
            f"{self.origin}/sms/json", {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(values).encode()
        )

    def judge(self, status: int, body: bytes) -> None:
        if status != 200:
            raise TryAgain(f"answers {status}")
        # It answers 200 whatever happened, with one status for each part of a long text.
        statuses = {str(part["status"]) for part in orjson.loads(body)["messages"]} - {"0"}
        if not statuses:
            return
        worst = min(statuses)
        if statuses & _HOPELESS:
            raise Undeliverable(f"status {code_of(worst)}")
        raise TryAgain(f"status {code_of(worst)}")


def vonage(given: Given) -> Vonage:
    """`vonage://API_KEY:API_SECRET@?from=Acme`. Raises Invalid."""
    checked(given, FORM, "from")
    return Vonage(given.origin("rest.nexmo.com"), given.user, given.secret, given.options["from"])
