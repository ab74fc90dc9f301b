"""From a message to what is read: subject, text and HTML of a mail, or the line of a text message.

Pure: the pool, the message and the time come in, and nothing is fetched. Names that others chose pass `names.inert`,
and all values are escaped in the HTML part.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from authserver.messages.kinds import Kind, Message
from authserver.messages.languages import Catalogues, Words
from authserver.messages.look import look_of
from authserver.messages.names import inert, one_line
from authserver.messages.texts import FACTORS, TEXTS
from authserver.model.pools import Pool

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True, slots=True)
class Content:
    """What is read. A text message has no subject and no HTML."""

    subject: str | None
    text: str
    html: str | None


class Renderer:
    """Renders every kind in every language.

    Args:
        origin_of: where the pool's pages are, such as "https://login.example.com".
        catalogues: the languages.
    """

    def __init__(self, origin_of: Callable[[Pool], str], catalogues: Catalogues | None = None) -> None:
        self._origin_of = origin_of
        self._catalogues = catalogues or Catalogues()
        self._template: Template | None = None

    def render(self, pool: Pool, message: Message, now: float) -> Content:
        """What the person gets to read, were it delivered at `now`."""
        words = self._catalogues.words(message.language, pool.languages, pool.messages)
        values = _values(pool, message, words, now)
        if message.medium == "sms":
            return Content(None, self._text_message(pool, message, words, values), None)
        view = _view(pool, message, words, values)
        html = self._mail().render(view | {"look": look_of(pool.branding, self._origin_of(pool))})
        return Content(view["subject"], _plain(view), html)

    def _text_message(self, pool: Pool, message: Message, words: Words, values: dict[str, str]) -> str:
        text = words.text(f"{message.kind}.sms", values)
        host = urlsplit(self._origin_of(pool)).hostname
        if message.code is None or host is None:
            return text
        # The last line binds the code to our origin: browsers fill it in there and nowhere else.
        # https://wicg.github.io/sms-one-time-codes/
        return f"{text}\n\n@{host} #{message.code}"

    def _mail(self) -> "Template":
        if self._template is None:
            from jinja2 import Environment, FileSystemLoader, StrictUndefined

            environment = Environment(
                loader=FileSystemLoader(Path(__file__).parent / "templates"),
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
            )
            self._template = environment.get_template("mail.html")
        return self._template


def _values(pool: Pool, message: Message, words: Words, now: float) -> dict[str, str]:
    """Every placeholder that a text of this message may name."""
    name = one_line(pool.name)
    # An invitation's name is to be typed, so it stays as it is; an operator chose it.
    username = one_line(message.username) if message.kind == Kind.INVITATION else inert(message.username)
    ends = message.ends_at
    return {
        "pool": name,
        "client": inert(message.client_name) or name,
        "username": username or message.to,
        "code": message.code or "",
        "password": message.password or "",
        "link": message.link or "",
        "address": message.address,
        "device": inert(message.device) or words.text("mail.unknown_device", {"pool": name, "client": name}),
        "factor": words.word(FACTORS[message.factor]) if message.factor is not None else "",
        "provider": message.provider,
        "time": words.duration(ends - now) if ends is not None else "",
        "date": words.date(ends, message.zone) if ends is not None else "",
        "to": message.to,
    }


def _view(pool: Pool, message: Message, words: Words, values: dict[str, str]) -> dict[str, Any]:
    """What both parts of a mail show, in their order."""

    def text(key: str) -> str:
        return words.text(key, values)

    life = ""
    if message.code is not None:
        life = text("mail.life")
    elif message.password is not None:
        life = text("mail.password_life")
    return {
        "lang": words.language,
        "dir": words.direction,
        "pool": values["pool"],
        "subject": one_line(text(f"{message.kind}.subject")),
        "heading": text(f"{message.kind}.heading"),
        "intro": text(f"{message.kind}.intro"),
        "code": message.code,
        "code_label": text("mail.code"),
        "rows": _rows(message, words, values),
        "life": life,
        "link": message.link if f"{message.kind}.action" in TEXTS else None,
        "link_words": text("mail.link"),
        "action": text(f"{message.kind}.action") if f"{message.kind}.action" in TEXTS else "",
        "note": text(f"{message.kind}.note"),
        "footer": [text("mail.sent_to"), *([] if pool.messages.reply_to else [text("mail.no_reply")])],
    }


def _rows(message: Message, words: Words, values: dict[str, str]) -> list[tuple[str, str]]:
    """The facts of a notice, or what an invitation is signed in with."""
    facts: list[tuple[str, str]] = []
    if message.password is not None:
        facts += [("mail.username", values["username"]), ("mail.password", message.password)]
    facts += [("mail.device", values["device"] if message.device else ""), ("mail.place", inert(message.place))]
    facts += [("mail.network", one_line(message.network))]
    if message.when is not None:
        facts.append(("mail.when", words.moment(message.when, message.zone)))
    return [(words.text(key, values), value) for key, value in facts if value]


def _plain(view: dict[str, Any]) -> str:
    """The text part: the same words in the same order."""
    blocks = [view["heading"], view["intro"]]
    if view["code"]:
        blocks.append(f"{view['code_label']}: {view['code']}")
    if view["rows"]:
        blocks.append("\n".join(f"{label}: {value}" for label, value in view["rows"]))
    blocks.append(view["life"])
    if view["link"]:
        blocks.append(f"{view['link_words'] if view['code'] else view['action'] + ':'}\n{view['link']}")
    blocks += [view["note"], "\n".join(["-- ", *view["footer"]])]
    return "\n\n".join(block for block in blocks if block) + "\n"
