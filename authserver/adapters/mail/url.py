"""The setting `mail.url`: which server, as whom, and how the connection is protected."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from authserver.errors import Invalid
from authserver.settings.value import on_loopback

StartTls = Literal["required", "offered", "off"]

_STARTTLS: tuple[StartTls, ...] = ("required", "offered", "off")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server.

    Attributes:
        host: its name or address; the certificate must be for it.
        port: 465 for `smtps`, 587 with a user, else 25.
        tls: TLS from the first byte (RFC 8314 3.3).
        starttls: whether the connection must, may or does not turn to TLS (RFC 3207).
        user: who we are there, if anybody.
        password: what proves it.
        ca: a file of certificates to trust beside the system's.
    """

    host: str
    port: int
    tls: bool = False
    starttls: StartTls = "offered"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None


def parse_mail_url(url: str) -> SmtpServer:
    """`smtp://user:password@host:port?starttls=required&ca=/path.pem`, or `smtps://`.

    With a user, STARTTLS is required: whoever sits between could take the password otherwise. On loopback nothing is
    protected by default. Elsewhere it is used where the server offers it. A certificate is always checked.

    Raises:
        Invalid: with `field` "mail.url"; the sentence holds no secret.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _fault(
            "is not a URL: a user or password that holds : / ? # or @ has them as %3A, %2F and so on"
        ) from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise _fault("must be smtp://user:password@host:port or smtps://")
    if parts.path not in {"", "/"} or parts.fragment:
        raise _fault("has something behind the port")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(options) - {"starttls", "ca"}):
        raise _fault(f"has no option {unknown[0]}; there are starttls and ca")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if (user is None) != (password is None):
        raise _fault("needs both a user and a password, or neither")
    tls, local = parts.scheme == "smtps", on_loopback(parts.hostname)
    ca = Path(options["ca"]) if "ca" in options else None
    if ca is not None and not (ca.is_absolute() and ca.is_file()):
        raise _fault(f"names a file of certificates that is not there: {ca} (the path must be absolute)")
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if tls else 587 if user else 25),
        tls=tls,
        starttls=_starttls(options.get("starttls"), tls=tls, local=local, user=user is not None),
        user=user,
        password=password,
        ca=ca,
    )


def _starttls(option: str | None, *, tls: bool, local: bool, user: bool) -> StartTls:
    if option is None:
        if tls or local:
            return "off"
        return "required" if user else "offered"
    if tls:
        raise _fault("is smtps, which needs no starttls")
    chosen = next((known for known in _STARTTLS if known == option), None)
    if chosen is None:
        raise _fault(f"has starttls={option}; there are {', '.join(_STARTTLS)}")
    if user and chosen != "required" and not local:
        raise _fault("would send a password unprotected; use smtps or starttls=required")
    return chosen


def _fault(words: str) -> Invalid:
    return Invalid(f"mail.url {words}.", field="mail.url")
