"""Solapi (CoolSMS), for numbers in Korea and elsewhere. https://developers.solapi.com/references/messages/sendSimpleMessage"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import orjson

from authserver.adapters.sms.gateway import Call, code_of
from authserver.adapters.sms.url import Given, checked
from authserver.messages.transport import Envelope, TryAgain, Undeliverable

FORM: Final = "solapi://API_KEY:API_SECRET@?from=0212345678"

KOREA: Final = "+82"
_HOPELESS: Final = frozenset({"ValidationError"})
"""Codes about this number or text. The others are of the account or the line, and somebody mends them."""


@dataclass(frozen=True, slots=True)
class Solapi:
    origin: str
    key: str
    secret: str = field(repr=False)
    sender: str
    name: str = "Solapi"

    def call(self, envelope: Envelope, at: float, salt: str) -> Call:
        """Whether it becomes a short (90 bytes) or a long message the gateway finds out by itself."""
        date = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        proof = hmac.new(self.secret.encode(), f"{date}{salt}".encode(), hashlib.sha256).hexdigest()
        country, number = _apart(envelope.to)
        message = {"to": number, "from": _domestic(self.sender), "text": envelope.text, "country": country}
        return Call(
            f"{self.origin}/messages/v4/send",
            {
                "Content-Type": "application/json",
                "Authorization": f"HMAC-SHA256 apiKey={self.key}, date={date}, salt={salt}, signature={proof}",
            },
            orjson.dumps({"message": message}),
        )

    def judge(self, status: int, body: bytes) -> None:
        answer = orjson.loads(body)
        code = answer.get("errorCode") or answer.get("statusCode")
        if status == 200 and code == "2000":
            return
        if code in _HOPELESS:
            raise Undeliverable(f"error {code_of(code)}")
        raise TryAgain(f"answers {status}, error {code_of(code)}")


def _apart(number: str) -> tuple[str, str]:
    """The country as the gateway writes it, and the number within it. Countries that share a calling code have theirs
    with the digits that follow: +1 441 is "1441".
    """
    import phonenumbers

    parsed = phonenumbers.parse(number, None)
    country, national = str(parsed.country_code), str(parsed.national_number)
    if country == "82":
        return country, _domestic(number)
    if country == "1" and phonenumbers.region_code_for_number(parsed) not in {"US", "CA", None}:
        return country + national[:3], national[3:]
    return country, national


def _domestic(number: str) -> str:
    """A Korean number as it is dialled there: +821012345678 is 01012345678. Registered senders have this form too."""
    digits = "".join(c for c in number if c.isdigit() or c == "+")
    return f"0{digits.removeprefix(KOREA).removeprefix('0')}" if digits.startswith(KOREA) else digits


def solapi(given: Given) -> Solapi:
    """`solapi://API_KEY:API_SECRET@?from=0212345678`; the sender must be registered there. Raises Invalid."""
    checked(given, FORM, "from")
    return Solapi(given.origin("api.solapi.com"), given.user, given.secret, given.options["from"])
