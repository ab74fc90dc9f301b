"""Amazon SNS: Publish to a phone number. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from authserver.adapters.sms.gateway import Call, code_of
from authserver.adapters.sms.sigv4 import AwsKey, signed
from authserver.adapters.sms.url import Given, checked, fault
from authserver.messages.transport import Envelope, TryAgain, Undeliverable

FORM: Final = "sns://ACCESS_KEY_ID:SECRET_ACCESS_KEY@?region=ap-northeast-2&sender=Acme"

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]", re.ASCII)
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,40})</Code>")
_HOPELESS: Final = frozenset({"InvalidParameter", "InvalidParameterValue", "OptedOut", "ParameterValueInvalid"})


@dataclass(frozen=True, slots=True)
class Sns:
    origin: str
    key: AwsKey
    sender: str | None
    name: str = "Amazon SNS"

    def call(self, envelope: Envelope, at: float, _salt: str) -> Call:
        attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}  # delivered with priority, and not held back as marketing
        if self.sender:
            attributes["AWS.SNS.SMS.SenderID"] = self.sender
        values = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "PhoneNumber": envelope.to,
            "Message": envelope.text,
        }
        for i, (name, value) in enumerate(attributes.items(), start=1):
            entry = f"MessageAttributes.entry.{i}"
            values |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
        body = urlencode(values).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        host = urlsplit(self.origin).netloc
        return Call(f"{self.origin}/", signed(self.key, host, "/", headers, body, at), body)

    def judge(self, status: int, body: bytes) -> None:
        if status == 200:
            return
        found = _CODE.search(body)
        code = found[1].decode() if found else "none"
        if code in _HOPELESS:
            raise Undeliverable(f"error {code_of(code)}")
        raise TryAgain(f"answers {status}, error {code_of(code)}")


def sns(given: Given) -> Sns:
    """`sns://ACCESS_KEY_ID:SECRET_ACCESS_KEY@?region=ap-northeast-2&sender=Acme`; the sender may be left out. Raises
    Invalid.
    """
    checked(given, FORM, "region", allowed=("sender",))
    region = given.options["region"]
    if _REGION.fullmatch(region) is None:
        raise fault(f"names no region: {FORM}")
    key = AwsKey(given.user, given.secret, region, "sns")
    return Sns(given.origin(f"sns.{region}.amazonaws.com"), key, given.options.get("sender"))
