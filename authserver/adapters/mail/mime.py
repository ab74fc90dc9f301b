"""An envelope as a mail (RFC 5322, MIME): text and HTML side by side, and headers that nobody can add to."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from authserver.messages.names import one_line
from authserver.messages.policy import mail_address
from authserver.messages.transport import Envelope, Undeliverable

_LONGEST_SUBJECT = 200


def to_mail(envelope: Envelope) -> EmailMessage:
    """The mail. Raises Undeliverable if an address or a header is none: an address never ends a line."""
    mail = EmailMessage(policy=SMTP)
    sender = _address(envelope.from_address, envelope.from_name)
    try:
        mail["From"] = sender
        mail["To"] = _address(envelope.to)
        if envelope.reply_to:
            mail["Reply-To"] = _address(envelope.reply_to)
        mail["Subject"] = one_line(envelope.subject or "")[:_LONGEST_SUBJECT]
        mail["Date"] = format_datetime(datetime.fromtimestamp(int(envelope.at), UTC))
        # The same at every attempt: a mailbox that gets it twice can tell.
        mail["Message-ID"] = f"<{envelope.id}@{sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 5: no answer from an absence assistant
        mail["X-Auto-Response-Suppress"] = "All"
        mail.set_content(envelope.text, cte=_encoding(envelope.text))
        if envelope.html is not None:
            mail.add_alternative(envelope.html, subtype="html", cte=_encoding(envelope.html))
        mail["Content-Language"] = envelope.language  # last: making parts moves what is called Content- into one
    except (ValueError, IndexError, UnicodeError) as error:
        raise Undeliverable(f"it makes no mail: {type(error).__name__}") from None
    return mail


def _address(address: str, name: str = "") -> Address:
    """An address in a header. A domain in another script becomes its ASCII form (RFC 5890), which every server knows; a
    local part in another script needs a server that speaks SMTPUTF8 (RFC 6531).
    """
    if not mail_address(address):
        raise Undeliverable("an address is none")
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        import idna

        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise Undeliverable("an address has a domain that is none") from None
    return Address(one_line(name), local, domain)


def _encoding(text: str) -> str:
    """What survives servers that take seven bits alone, in fewer bytes."""
    return "quoted-printable" if text.isascii() else "base64"
