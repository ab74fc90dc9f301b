"""What a directory may say on a connection: anything but what was asked for ends it, in our own words."""

import asyncio
import random
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sansldap import LDAPResultCode, LDAPServer, PartialAttribute

from authserver.accounts.ldap_people import Entry
from authserver.adapters.ldap import LdapDirectories
from authserver.adapters.ldap.session import MOST_BYTES
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.errors import TriggerFailed
from authserver.model.ldap import LdapPolicy
from authserver.model.pools import Pool
from authserver.outbound.streams import Streams

pytestmark = pytest.mark.anyio

Say = Callable[[int, LDAPServer], None]
"""Given how many requests came before, and the server's side with the request in it: answer by it."""
Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PERSON = PartialAttribute("uid", [b"ada"])


@asynccontextmanager
async def peer(behave: Behave) -> AsyncIterator[int]:
    """Somebody at the other end of the connection."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def speaking(*answers: bytes | Callable[[LDAPServer, int], object]) -> Behave:
    """A server that answers each request in turn: with these bytes, or by the server's side of the library."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        side = LDAPServer()
        for answer in answers:
            (request,) = side.receive(await reader.read(65536))
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                answer(side, request.message_id)
                writer.write(side.data_to_send())
            await writer.drain()
        await reader.read()

    return behave


def welcome(side: LDAPServer, message: int) -> None:
    side.bind_response(message)


def refuse(side: LDAPServer, message: int) -> None:
    side.bind_response(message, result_code=LDAPResultCode.INVALID_CREDENTIALS)


def ada(side: LDAPServer, message: int) -> None:
    side.search_result_entry(message, "uid=ada,dc=x", [PERSON])
    side.search_result_done(message)


def pool(port: int, **changes: object) -> Pool:
    policy = LdapPolicy(
        url=f"ldap://127.0.0.1:{port}",
        start_tls=False,
        base_dn="dc=x",
        filter="(uid={username})",
        attribute_mapping={"username": "uid"},
        timeout=1.0,
    )
    return Pool("p_1", "p", ldap=replace(policy, **changes))  # type: ignore[arg-type]


def directories() -> LdapDirectories:
    return LdapDirectories(Streams(("127.0.0.1",)), Sealer(bytes(32), SystemRandom()), lambda: 0.0)


async def failure(behave: Behave, **changes: object) -> str:
    async with peer(behave) as port:
        with pytest.raises(TriggerFailed) as failed:
            await directories().prove(pool(port, **changes), "ada", "secret")
    assert failed.value.detail is not None
    assert "secret" not in failed.value.detail
    return failed.value.detail


async def test_the_twin_that_says_what_it_should_is_believed() -> None:
    async with peer(speaking(welcome, ada, welcome)) as port:
        assert await directories().prove(pool(port), "ada", "secret") == Entry("uid=ada,dc=x", {"uid": ("ada",)})
    async with peer(speaking(welcome, ada, refuse)) as port:
        assert await directories().prove(pool(port), "ada", "secret") == "refused"


async def test_in_pieces_too() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        side = LDAPServer()
        for answer in (welcome, ada, welcome):
            (request,) = side.receive(await reader.read(65536))
            answer(side, request.message_id)
            for byte in side.data_to_send():
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
        await reader.read()

    async with peer(behave) as port:
        assert isinstance(await directories().prove(pool(port), "ada", "secret"), Entry)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x03\x02\x01\x05",
        b"\x30\x05\x02\x01\x01\x61\x00",
        b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x80\x00",
        b"\x30\x80\x02\x01\x01",
        b"\xff" * 40,
        b"\x30\x0c\x02\x01\x63\x61\x07\x0a\x01\x00\x04\x00\x04\x00",  # answers another request
        b"\x30\x05\x02\x01\x01\x42\x00",  # unbinds, as only a client may
    ],
)
async def test_what_is_no_answer_ends_it(said: bytes) -> None:
    assert await failure(speaking(said))


async def test_a_request_from_the_directory_ends_it_however_deep() -> None:
    """A search request holds a filter, which may be nested as deep as its length allows."""
    nested = b"\x87\x01a"
    for _ in range(3000):
        size = len(nested)
        nested = b"\xa2\x83" + size.to_bytes(3, "big") + nested
    body = b"\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00" + nested + b"\x30\x00"
    operation = b"\x63\x83" + len(body).to_bytes(3, "big") + body
    message = b"\x02\x01\x01" + operation
    assert "not LDAP" in await failure(speaking(b"\x30\x83" + len(message).to_bytes(3, "big") + message))


async def test_noise_ends_it_in_words_of_ours() -> None:
    """Whatever the bytes are: what a directory says is nobody's to trust."""
    chance = random.Random(4511)
    side = LDAPServer()
    side._outstanding_requests = {1}
    welcome(side, 1)
    good = side.data_to_send()
    for _ in range(150):
        noise = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            noise[chance.randrange(len(noise))] = chance.randrange(256)

        async def behave(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes = bytes(noise)
        ) -> None:
            await reader.read(65536)
            writer.write(said)
            await writer.drain()

        async with peer(behave) as port:
            with pytest.raises(TriggerFailed):
                await directories().prove(pool(port), "ada", "secret")


async def test_an_answer_of_another_kind_ends_it() -> None:
    def entry(side: LDAPServer, message: int) -> None:
        side._outstanding_requests.add(message)
        side._outgoing_buffer.extend(b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00")

    assert "BindResponse" in await failure(speaking(entry))

    def bound_again(side: LDAPServer, _message: int) -> None:
        side._outgoing_buffer.extend(b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00")

    assert "BindResponse" in await failure(speaking(welcome, bound_again))


async def test_more_than_it_may_say_ends_it() -> None:
    def novel(side: LDAPServer, message: int) -> None:
        side.search_result_entry(message, "uid=ada,dc=x", [PartialAttribute("uid", [b"x" * 1000] * 1100)])

    assert f"more than {MOST_BYTES} bytes" in await failure(speaking(welcome, novel))


async def test_a_connection_that_ends_in_between_ends_it() -> None:
    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    assert "closed the connection" in await failure(hang_up)


async def test_an_answer_that_never_ends_is_not_waited_for() -> None:
    assert "did not answer within 1 s" in await failure(speaking(b"\x30\x84\x00\xff\xff\xff\x02\x01\x01"))


async def test_an_entry_without_a_name_is_nobody() -> None:
    """To bind as nobody succeeds, whatever the password (RFC 4513 5.1.1)."""

    def nameless(side: LDAPServer, message: int) -> None:
        side.search_result_entry(message, "", [PERSON])
        side.search_result_done(message)

    async with peer(speaking(welcome, nameless, welcome)) as port:
        assert await directories().prove(pool(port), "ada", "secret") == "unknown"


async def test_entries_beyond_what_was_asked_for_are_several_all_the_same() -> None:
    def crowd(side: LDAPServer, message: int) -> None:
        for n in range(5):
            side.search_result_entry(message, f"uid=ada{n},dc=x", [PERSON])
        side.search_result_done(message)

    def one_of_more(side: LDAPServer, message: int) -> None:
        side.search_result_entry(message, "uid=ada,dc=x", [PERSON])
        side.search_result_done(message, LDAPResultCode.SIZE_LIMIT_EXCEEDED)

    for answer in (crowd, one_of_more):
        async with peer(speaking(welcome, answer, welcome)) as port:
            assert await directories().prove(pool(port), "ada", "secret") == "ambiguous"


async def test_values_that_are_no_text_are_passed_over() -> None:
    def picture(side: LDAPServer, message: int) -> None:
        side.search_result_entry(message, "uid=ada,dc=x", [PartialAttribute("UID", [b"\xff\xd8", b"ada"])])
        side.search_result_done(message)

    async with peer(speaking(welcome, picture, welcome)) as port:
        found = await directories().prove(pool(port), "ada", "secret")
        assert found == Entry("uid=ada,dc=x", {"uid": ("ada",)})


@pytest.mark.parametrize("code", [LDAPResultCode.BUSY, LDAPResultCode.REFERRAL, LDAPResultCode.UNAVAILABLE])
async def test_who_cannot_judge_does_not_turn_away(code: LDAPResultCode) -> None:
    def cannot(side: LDAPServer, message: int) -> None:
        side.bind_response(message, result_code=code, diagnostics_message="later\nplease")

    assert f"cannot judge a password: later please ({int(code)})" in await failure(speaking(welcome, ada, cannot))


@pytest.mark.parametrize("code", [19, 32, 48, 50, 53])
async def test_a_locked_account_is_turned_away(code: int) -> None:
    def locked(side: LDAPServer, message: int) -> None:
        side.bind_response(message, result_code=LDAPResultCode(code))

    async with peer(speaking(welcome, ada, locked)) as port:
        assert await directories().prove(pool(port), "ada", "secret") == "refused"


# --------------------------------------------------------------------------------------------------------- StartTLS


async def test_starttls_that_is_refused_ends_it() -> None:
    def no(side: LDAPServer, message: int) -> None:
        side.extended_response(message, result_code=LDAPResultCode.PROTOCOL_ERROR)

    assert "refuses StartTLS" in await failure(speaking(no), start_tls=True)


async def test_what_was_said_in_the_clear_behind_starttls_is_not_believed() -> None:
    """Else somebody between could answer the bind before it is asked, and TLS would then vouch for it."""
    bound = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
    for smuggled in (bound, bound[:5]):

        def agree(side: LDAPServer, message: int, more: bytes = smuggled) -> None:
            side.extended_response(message)
            side._outgoing_buffer.extend(more)

        detail = await failure(speaking(agree), start_tls=True)
        assert "in the clear" in detail or "not LDAP" in detail


async def test_no_tls_behind_starttls_ends_it() -> None:
    def agree(side: LDAPServer, message: int) -> None:
        side.extended_response(message)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        side = LDAPServer()
        (request,) = side.receive(await reader.read(65536))
        agree(side, request.message_id)
        writer.write(side.data_to_send())
        await reader.read(65536)
        writer.write(b"not a handshake")

    assert "no TLS with 127.0.0.1" in await failure(behave, start_tls=True)


async def test_a_bind_has_a_name_and_a_password_or_neither() -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))

    async with peer(note) as port:
        with pytest.raises(ValueError, match="both a name and a password"):
            await directories().examine(pool(port, bind_dn="cn=reader,dc=x").ldap, "")
        await asyncio.sleep(0.05)
    assert asked in ([], [b""])


async def test_without_the_extra_it_fails_with_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "authserver.adapters.ldap.session", None)
    assert "poolgate[ldap]" in await failure(speaking(welcome))
