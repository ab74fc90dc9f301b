"""A process that posts messages and delivers them, to be killed in the middle: `python -m tests.system.mail_poster`.

Arguments: the SQLite URL, the port of the mail server, how many. Prints each parcel's id once it is posted.
"""

import asyncio
import sys
import time

from authserver.adapters.mail import SmtpTransport, parse_mail_url
from authserver.adapters.sql import open_sql
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.events import ignore
from authserver.logs import configure
from authserver.messages import Kind, Message, MessageCourier, NoTransport, Outbox, Postman, Renderer
from authserver.model.pools import Pool

MASTER = b"m" * 32
POOL = Pool("mail_Pool1", "Acme")


async def main(url: str, port: int, count: int) -> None:
    configure("json", "warning")
    random = SystemRandom()
    sealer = Sealer(MASTER, random)

    async def pool_of(_pool: str) -> Pool:
        return POOL

    smtp = SmtpTransport(parse_mail_url(f"smtp://127.0.0.1:{port}"), "poster.example")
    courier = MessageCourier(
        pool_of,
        Renderer(lambda _: "https://login.acme.com"),
        {"email": smtp, "sms": NoTransport("sms.url")},
        lambda _: "no-reply@acme.com",
        time.time,
    )
    async with await open_sql(url) as stores:
        postman = Postman(stores.journal, sealer, {"email": courier}, time.time, random, ignore)
        outbox = Outbox(stores.journal, sealer, time.time, random, postman.wake)
        await postman.start()
        for _ in range(count):
            told = Message(kind=Kind.PASSWORD_CHANGED, medium="email", to="ada@example.com", when=int(time.time()))
            print(await outbox.send(POOL, told), flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
