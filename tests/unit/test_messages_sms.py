"""Text messages by HTTP: what each gateway is asked, what its answers mean, and the setting that names it."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from authserver.adapters.sms import GATEWAYS, Gateway, SmsTransport, parse_sms_url
from authserver.adapters.sms.gateway import code_of, in_gsm_alphabet
from authserver.adapters.sms.sigv4 import AwsKey, signed
from authserver.effects import HttpAnswer, HttpUnreachable, SystemRandom
from authserver.errors import Invalid
from authserver.messages import Envelope, Kind, TryAgain, Undeliverable
from tests.unit.messages_world import NOW

TEXT = "012345 is your Acme sign-in code.\n\n@login.acme.com #012345"
ENVELOPE = Envelope(
    id="11111111-2222-4333-8444-555555555555",
    pool="acme_Pool1",
    kind=Kind.SIGN_IN_CODE,
    medium="sms",
    to="+821012345678",
    subject=None,
    text=TEXT,
    html=None,
    code="012345",
)
SECRET = "s3cret-of-sixteen+"
URLS = {
    "webhook": f"https://:{SECRET}@hooks.acme.com/sms?tenant=1",
    "twilio": f"twilio://AC0123:{SECRET}@?from=+15550100200",
    "vonage": f"vonage://key1:{SECRET}@?from=Acme",
    "sns": f"sns://AKID:{SECRET}@?region=ap-northeast-2&sender=Acme",
    "solapi": f"solapi://key1:{SECRET}@?from=0212345678",
}


def asked(name: str, **changes: Any) -> tuple[str, dict[str, str], bytes]:
    call = parse_sms_url(URLS[name]).call(replace(ENVELOPE, **changes), NOW + 0.5, "salt-1")
    return call.url, dict(call.headers), call.body


def form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))


# --------------------------------------------------------------------------------------------------- the calls


def test_a_webhook_gets_signed_json() -> None:
    url, headers, body = asked("webhook")
    assert url == "https://hooks.acme.com/sms?tenant=1", "the secret is not sent"
    assert json.loads(body) == {
        "id": ENVELOPE.id,
        "pool": "acme_Pool1",
        "kind": "sign_in_code",
        "to": "+821012345678",
        "text": TEXT,
        "language": "en",
        "code": "012345",
        "link": None,
    }
    proof = hmac.new(SECRET.encode(), f"{NOW}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers == {"Content-Type": "application/json", "X-Poolgate-Signature": f"t={NOW},v1={proof}"}


def test_twilio() -> None:
    url, headers, body = asked("twilio")
    assert url == "https://api.twilio.com/2010-04-01/Accounts/AC0123/Messages.json"
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"AC0123:{SECRET}".encode()).decode()
    assert form(body) == {"To": "+821012345678", "From": "+15550100200", "Body": TEXT}
    service = parse_sms_url(f"twilio://AC0123:{SECRET}@?from=MG77").call(ENVELOPE, NOW, "s")
    assert form(service.body)["MessagingServiceSid"] == "MG77"
    assert "From" not in form(service.body)


def test_vonage() -> None:
    url, _, body = asked("vonage")
    assert url == "https://rest.nexmo.com/sms/json"
    assert form(body) == {
        "api_key": "key1",
        "api_secret": SECRET,
        "to": "821012345678",
        "from": "Acme",
        "text": TEXT,
    }
    assert form(asked("vonage", text="인증번호 012345")[2])["type"] == "unicode", "or it would arrive as question marks"


def test_sns() -> None:
    url, headers, body = asked("sns")
    assert url == "https://sns.ap-northeast-2.amazonaws.com/"
    values = form(body)
    assert (values["Action"], values["PhoneNumber"], values["Message"]) == ("Publish", "+821012345678", TEXT)
    assert values["MessageAttributes.entry.1.Name"] == "AWS.SNS.SMS.SMSType"
    assert values["MessageAttributes.entry.1.Value.StringValue"] == "Transactional"
    assert values["MessageAttributes.entry.2.Value.StringValue"] == "Acme"
    assert headers["Authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKID/20261118/ap-northeast-2/sns/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, Signature="
    )
    assert headers["X-Amz-Date"] == "20261118T110640Z"


def test_solapi() -> None:
    url, headers, body = asked("solapi")
    assert url == "https://api.solapi.com/messages/v4/send"
    assert json.loads(body)["message"] == {
        "to": "01012345678",
        "from": "0212345678",
        "text": TEXT,
        "country": "82",
    }
    scheme, _, rest = headers["Authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(", "))
    assert scheme == "HMAC-SHA256"
    assert datetime.fromisoformat(parts["date"]).timestamp() == NOW + 0.5
    proof = hmac.new(SECRET.encode(), f"{parts['date']}{parts['salt']}".encode(), hashlib.sha256).hexdigest()
    assert (parts["apiKey"], parts["salt"], parts["signature"]) == ("key1", "salt-1", proof)


@pytest.mark.parametrize(
    ("number", "country", "national"),
    [("+12125550100", "1", "2125550100"), ("+14412345678", "1441", "2345678"), ("+819012345678", "81", "9012345678")],
)
def test_solapi_wants_the_country_apart(number: str, country: str, national: str) -> None:
    sent = json.loads(asked("solapi", to=number)[2])["message"]
    assert (sent["country"], sent["to"]) == (country, national)


@pytest.mark.parametrize("name", sorted(URLS))
def test_no_secret_shows_in_the_repr(name: str) -> None:
    gateway = parse_sms_url(URLS[name])
    call = gateway.call(ENVELOPE, NOW, "s")
    for shown in (repr(gateway), repr(call)):
        assert SECRET not in shown
        assert "012345" not in shown.replace("+1555", "").replace("0212345678", "")


# ------------------------------------------------------------------------------- signature version 4, known answers

_KEY = AwsKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
_AT = 1440938160  # 2015-08-30T12:36:00Z


@pytest.mark.parametrize(
    ("headers", "body", "signature"),
    [
        ({}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
    ids=["post-vanilla", "post-x-www-form-urlencoded"],
)
def test_signatures_are_those_of_the_published_suite(headers: dict[str, str], body: bytes, signature: str) -> None:
    result = signed(_KEY, "example.amazonaws.com", "/", headers, body, _AT)
    assert result["Authorization"].endswith(f"Signature={signature}")
    other = signed(_KEY, "example.amazonaws.com", "/", headers, body + b"x", _AT)
    assert not other["Authorization"].endswith(f"Signature={signature}")


# ------------------------------------------------------------------------------------------------- the answers


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("webhook", 200, b""),
        ("webhook", 204, b""),
        ("twilio", 201, b'{"sid": "SM1"}'),
        ("vonage", 200, b'{"messages": [{"status": "0"}, {"status": "0"}]}'),
        ("sns", 200, b"<PublishResponse/>"),
        ("solapi", 200, b'{"statusCode": "2000", "groupId": "G1"}'),
    ],
)
def test_an_answer_that_takes_it(name: str, status: int, body: bytes) -> None:
    parse_sms_url(URLS[name]).judge(status, body)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("webhook", 400, b""),
        ("webhook", 422, b"no such number"),
        ("twilio", 400, b'{"code": 21211, "message": "The To number +821012345678 is not valid"}'),
        ("twilio", 400, b'{"code": 21610}'),
        ("vonage", 200, b'{"messages": [{"status": "3"}]}'),
        ("vonage", 200, b'{"messages": [{"status": "0"}, {"status": "7"}]}'),
        ("sns", 400, b"<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>"),
        ("sns", 400, b"<ErrorResponse><Error><Code>OptedOut</Code></Error></ErrorResponse>"),
        ("solapi", 400, b'{"errorCode": "ValidationError", "errorMessage": "+821012345678"}'),
    ],
)
def test_an_answer_that_refuses_for_good(name: str, status: int, body: bytes) -> None:
    with pytest.raises(Undeliverable) as refused:
        parse_sms_url(URLS[name]).judge(status, body)
    assert "1012345678" not in refused.value.detail


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("webhook", 500, b""),
        ("webhook", 429, b""),
        ("webhook", 401, b""),
        ("webhook", 302, b""),
        ("twilio", 401, b'{"code": 20003}'),
        ("twilio", 429, b'{"code": 20429}'),
        ("twilio", 503, b'{"code": null}'),
        ("vonage", 200, b'{"messages": [{"status": "1"}]}'),
        ("vonage", 200, b'{"messages": [{"status": "9"}]}'),
        ("vonage", 503, b"sorry"),
        ("sns", 400, b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
        ("sns", 403, b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>"),
        ("sns", 500, b""),
        ("solapi", 200, b'{"statusCode": "4000"}'),
        ("solapi", 403, b'{"errorCode": "InvalidAPIKey"}'),
        ("solapi", 402, b'{"errorCode": "NotEnoughBalance"}'),
    ],
)
def test_an_answer_that_may_be_better_later(name: str, status: int, body: bytes) -> None:
    with pytest.raises(TryAgain):
        parse_sms_url(URLS[name]).judge(status, body)


def test_a_gateways_code_is_shown_only_if_it_is_one() -> None:
    assert code_of(21211) == "21211"
    assert code_of("no number +821012345678") == "an odd code"
    assert code_of("x" * 41) == "an odd code"


class Replies:
    """Stands for the network: gives the answers it was told to give."""

    def __init__(self, *answers: HttpAnswer | Exception) -> None:
        self.answers = list(answers)
        self.urls: list[str] = []

    async def request(self, method: str, url: str, **_options: Any) -> HttpAnswer:
        assert method == "POST"
        self.urls.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def delivered(gateway: Gateway, *answers: HttpAnswer | Exception) -> None:
    await SmsTransport(gateway, Replies(*answers), lambda: NOW, SystemRandom()).deliver(ENVELOPE)


@pytest.mark.anyio
async def test_the_transport_takes_each_end_for_what_it_is() -> None:
    twilio = parse_sms_url(URLS["twilio"])
    await delivered(twilio, HttpAnswer(201))
    with pytest.raises(Undeliverable, match="Twilio: error 21211"):
        await delivered(twilio, HttpAnswer(400, {}, b'{"code": 21211}'))
    with pytest.raises(TryAgain, match="cannot be connected to") as away:
        await delivered(twilio, HttpUnreachable("api.twilio.com cannot be connected to"))
    assert away.value.after == 0
    with pytest.raises(TryAgain) as busy:
        await delivered(twilio, HttpAnswer(429, {"retry-after": "30"}, b'{"code": 20429}'))
    assert busy.value.after == 30
    with pytest.raises(TryAgain) as odd:
        await delivered(twilio, HttpAnswer(429, {"retry-after": "soon"}, b'{"code": 20429}'))
    assert odd.value.after == 0
    for body in (b"", b"<html>", b"[]", b'"x"'):
        with pytest.raises(TryAgain, match="in a form that is not its own"):
            await delivered(twilio, HttpAnswer(500, {}, body))
    with pytest.raises(TryAgain, match="form"):
        await delivered(parse_sms_url(URLS["vonage"]), HttpAnswer(200, {}, b'{"messages": [{}]}'))


# ------------------------------------------------------------------------------------------------------ sms.url


def test_every_named_gateway_is_tested() -> None:
    assert set(URLS) == {*GATEWAYS, "webhook"}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (f"twilio://A:{SECRET}@api.dublin.ie1.twilio.com?from=MG1", "https://api.dublin.ie1.twilio.com/"),
        (f"twilio://A:{SECRET}@127.0.0.1:8080?from=MG1", "http://127.0.0.1:8080/"),
        (f"vonage://A:{SECRET}@rest-eu.nexmo.com?from=X", "https://rest-eu.nexmo.com/"),
        (f"sns://A:{SECRET}@sns.local:4566?region=us-east-1", "https://sns.local:4566/"),
        (f"solapi://A:{SECRET}@[::1]:80?from=02", "http://[::1]:80/"),
        (f"https://:{SECRET}@hooks.acme.com:8443", "https://hooks.acme.com:8443/"),
        (f"http://:{SECRET}@127.0.0.1:9000/sms", "http://127.0.0.1:9000/sms"),
    ],
)
def test_the_api_may_stand_elsewhere(url: str, origin: str) -> None:
    assert parse_sms_url(url).call(ENVELOPE, NOW, "s").url.startswith(origin)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mystery://a:b@?from=1", "no gateway that is known; there are sns, solapi, twilio, vonage"),
        ("https://hooks.acme.com/sms", "needs a secret"),
        ("https://:short-hush@hooks.acme.com/sms", "at least 16 characters"),
        ("https://:hushhush-long-enough-1@/sms", "names no host"),
        ("http://:hushhush-long-enough-1@hooks.acme.com/sms", "needs https"),
        ("twilio://AC0123@?from=+1", "both parts of the key"),
        ("twilio://:hushhush@?from=+1", "both parts of the key"),
        ("twilio://AC:hushhush@", "needs the option from"),
        ("twilio://AC:hushhush@?from=", "needs the option from"),
        ("twilio://AC:hushhush@?from=+1&to=+2", "no option to"),
        ("twilio://AC:hushhush@host/path?from=+1", "has no path"),
        ("twilio://AC:hush/hush@?from=+1", "both parts of the key|is not a URL|has no path"),
        ("sns://A:hushhush@?sender=X", "needs the option region"),
        ("sns://A:hushhush@?region=x/../y", "names no region"),
        ("vonage://A:hushhush@host:99999?from=1", "is not a URL"),
        ("solapi://A:hushhush@", "needs the option from"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_a_reason(url: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        parse_sms_url(url)
    assert refused.value.field == "sms.url"
    assert "hush" not in str(refused.value)


def test_the_seven_bit_alphabet() -> None:
    assert in_gsm_alphabet("Hello @ Zoë? [1] € {x}".replace("ë", "è"))
    for other in ("\u2019", "ë", "인", "😀", "`"):
        assert not in_gsm_alphabet(other)
