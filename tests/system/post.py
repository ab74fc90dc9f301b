"""Where messages arrive: a real SMTP server and a real webhook, in a thread beside the browser's."""

import asyncio
import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.system.mail_sinks import MailSink, WebhookSink, mail_sink, webhook_sink

_PATIENCE = 20.0
_CODE = re.compile(r"(?<![\d#])(\d{6})(?!\d)")
_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Letter:
    """A mail or a text message, as it was delivered."""

    to: str
    subject: str
    text: str

    @property
    def code(self) -> str:
        """The one code in it."""
        (found,) = set(_CODE.findall(self.text))
        return str(found)

    @property
    def link(self) -> str:
        """The one link in it."""
        (found,) = set(_LINK.findall(self.text))
        return str(found)


@dataclass
class Post:
    """Everything that was delivered; what a test has taken does not come again."""

    mails: MailSink
    webhook: WebhookSink
    _taken: set[tuple[str, int]] = field(default_factory=set)

    @property
    def mail_url(self) -> str:
        return f"smtp://127.0.0.1:{self.mails.port}"

    @property
    def sms_url(self) -> str:
        return f"http://:a-secret-that-signs-calls@127.0.0.1:{self.webhook.port}/sms"

    def mail(self, to: str, about: str) -> Letter:
        """The next mail to somebody whose subject has these words."""
        return self._wait(to, about, self._mails)

    def text(self, to: str) -> Letter:
        """The next text message to a number."""
        return self._wait(to, "", self._texts)

    def subjects(self, to: str) -> list[str]:
        """What was mailed to somebody so far, in order."""
        return [letter.subject for _, letter in self._mails() if letter.to == to]

    def _wait(self, to: str, about: str, delivered: Any) -> Letter:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            for key, letter in delivered():
                if key not in self._taken and letter.to == to and about in letter.subject:
                    self._taken.add(key)
                    return letter  # type: ignore[no-any-return]  # of the two below
            time.sleep(0.02)
        raise AssertionError(f"nothing about {about!r} for {to}: {self.subjects(to)}")

    def _mails(self) -> Iterator[tuple[tuple[str, int], Letter]]:
        for number, arrived in enumerate(list(self.mails.arrived)):
            letter = Letter(arrived.to[0], str(arrived.mail["Subject"]), arrived.part("plain"))
            yield ("mail", number), letter

    def _texts(self) -> Iterator[tuple[tuple[str, int], Letter]]:
        for number, (_, _, body) in enumerate(list(self.webhook.calls)):
            said = json.loads(body)
            yield ("text", number), Letter(said["to"], "", said["text"])


@contextlib.contextmanager
def open_post() -> Iterator[Post]:
    """Both servers, until the block ends."""
    opened: list[Post] = []
    ready = threading.Event()

    async def serve() -> None:
        async with mail_sink() as mails, webhook_sink() as webhook:
            opened.append(Post(mails, webhook))
            ready.set()
            while not closing.is_set():
                await asyncio.sleep(0.05)

    closing = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(_PATIENCE)
        yield opened[0]
    finally:
        closing.set()
        thread.join()
