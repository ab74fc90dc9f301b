"""Single logout by both bindings: a provider's request to end a session, and its answer to ours.

The first byte of an input says how the rest comes, the second ("0" or "1") whether it is a request or an answer:

    p  the document, by POST
    P  the document by POST, signed for the fuzzer
    g  the whole query of a redirect
    G  the document in a redirect, signed for the fuzzer
    z  what is packed into a redirect, in its packed form, signed for the fuzzer
"""

import base64
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from federation.connectors.saml import KIND
from federation.connectors.saml.provider import SamlProvider
from federation.errors import FederationError
from federation.model import Callback, Handoff, IdentityProvider
from tests.federation.host import KeyPairs, make_host, work
from tests.federation.saml import test_logout as tests
from tests.federation.saml.host import ISSUER
from tests.federation.saml.standin import (
    LOGOUT,
    MORE,
    NOW,
    key,
    logout_request,
    logout_response,
    metadata,
    query_of,
    raw_signature,
    sign,
)
from tests.fuzz.saml_response import by_fuzzer, fuzzer_key, signed
from tests.fuzz.target import Always, Answers, Finding, NoInput, Target, nothing_kept, run
from tests.fuzz.trees import xml_mutator

OUT = Handoff("state", "main", "corp", LOGOUT, NOW, memo={"request_id": "_request1"})
FIELDS = ("SAMLRequest", "SAMLResponse")


@cache
def connector() -> SamlProvider:
    host = make_host(
        Answers({}),  # type: ignore[arg-type]  # all that is asked of a network
        issuer=ISSUER,
        key_pairs=KeyPairs([key("sp").pair]),
        documents=nothing_kept(),
        once=Always(),
        work=work,
    )
    settings = {"metadata": metadata([key(), fuzzer_key()]), "sign_out": True}
    made: Any = KIND.build(IdentityProvider("corp", "saml", settings=settings), host)
    return made


def callback_of(mode: str, field: str, rest: bytes) -> Callback:
    """How the browser brings it. Raises NoInput."""
    if mode == "g":
        query = rest.decode("latin-1")
        return Callback("GET", tuple(parse_qsl(query, keep_blank_values=True)), query, NOW)
    if mode in "Gz":
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(rest) + packer.flush() if mode == "G" else rest
        query = f"{field}={quote_plus(base64.b64encode(packed).decode())}&RelayState=state"
        query += f"&SigAlg={quote_plus(f'{MORE}ecdsa-sha256')}"
        signature = raw_signature(query.encode(), fuzzer_key(), f"{MORE}ecdsa-sha256")
        query += f"&Signature={quote_plus(base64.b64encode(signature).decode())}"
        return Callback("GET", tuple(parse_qsl(query)), query, NOW)
    document = signed(rest) if mode == "P" else rest
    return Callback("POST", ((field, base64.b64encode(document).decode()), ("RelayState", "state")), "", NOW)


def outcome(data: bytes) -> str | None:
    """What comes of an input; None if it is refused. Lets everything through that is not our own refusal."""
    answers = data[1] % 2 == 1
    try:
        callback = callback_of(chr(data[0]), FIELDS[answers], data[2:])
    except NoInput:
        return None
    try:
        if answers:
            run(connector().sign_out_finished(OUT, callback))
            return "signed out"
        ended = run(connector().signed_out(callback))
        return f"{ended.subject!r} {ended.session!r}"
    except FederationError:
        return None


def one(data: bytes) -> bool:
    if len(data) < 3 or data[0] not in b"pPgGz":
        return False
    found = outcome(data)
    if found is not None and data[0] in b"pg" and found not in genuine():
        raise Finding(f"believed without a signature: {found}")
    return found is not None


@cache
def genuine() -> frozenset[str]:
    """What the seeds say: nobody without the keys can say anything else."""
    return frozenset(found for seed in seeds() if seed[0] in b"pg" and (found := outcome(seed)) is not None)


@cache
def seeds() -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(_seeds()))


def _seeds() -> Iterator[bytes]:
    requests = [logout_request(), logout_request(sessions=()), logout_request(sessions=("_session1", "_session2"))]
    requests += [logout_request(until=None, name_attributes=' NameQualifier="https://idp.example.org/metadata"')]
    answers = [logout_response("_request1"), logout_response("_request1", status="Responder")]
    for which, documents in enumerate((requests, answers)):
        for text in documents:
            ident = "_logout1" if which == 0 else "_answer1"
            yield b"p%d" % which + sign(text, ident, by_fuzzer()).encode()
            yield b"p%d" % which + text.encode()
            yield b"P%d" % which + text.encode()
            yield b"G%d" % which + text.encode()
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            yield b"z%d" % which + packer.compress(text.encode()) + packer.flush()
    for text in requests:
        yield b"g0" + query_of(text).encode()
    for value in _parameters():
        if "SAMLRequest=" in value:
            yield b"g0" + value.encode()
        elif "<" in value:
            yield b"P0" + value.encode()
            yield b"P1" + value.encode()


def _parameters() -> Iterator[str]:
    for name, test in vars(tests).items():
        for mark in getattr(test, "pytestmark", ()) if name.startswith("test_") else ():
            for value in mark.args[1] if mark.name == "parametrize" else ():
                inner = getattr(value, "values", value if isinstance(value, tuple) else (value,))
                yield from (text for text in inner if isinstance(text, str))


WORDS = (
    b"<samlp:LogoutRequest",
    b"<samlp:LogoutResponse",
    b"<samlp:SessionIndex>",
    b"<saml:NameID",
    b"<saml:EncryptedID",
    b"<ds:Signature",
    b"SAMLRequest=",
    b"&SigAlg=",
    b"&Signature=",
    b"&RelayState=",
    b"%26",
    b"%00",
    b"+",
    b"<!--x-->",
)

TARGET = Target("saml_logout", seeds, one, WORDS, xml_mutator(2))
