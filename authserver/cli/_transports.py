"""What carries messages, by the settings."""

from urllib.parse import urlsplit

from authserver.errors import Invalid
from authserver.opening import Opened
from authserver.settings import Settings
from authserver.wiring import NO_TRANSPORTS, Transports


def transports_of(opened: Opened) -> Transports:
    """SMTP behind `mail.url`, a webhook or gateway behind `sms.url`; what is not set carries nothing.

    Raises Invalid where a URL names nothing that carries.
    """
    settings, transports = opened.settings, dict(NO_TRANSPORTS)
    if settings.mail_url is not None:
        from authserver.adapters.mail import SmtpTransport, parse_mail_url

        transports["email"] = SmtpTransport(
            parse_mail_url(settings.mail_url), urlsplit(settings.base_url).hostname or ""
        )
    if settings.sms_url is not None:
        from authserver.adapters.sms import SmsTransport, parse_sms_url

        transports["sms"] = SmsTransport(parse_sms_url(settings.sms_url), opened.http, opened.clock, opened.random)
    return transports


def carrier_faults(settings: Settings) -> list[str]:
    """Why `mail.url` or `sms.url` could not be used, in sentences."""
    from authserver.adapters.mail import parse_mail_url
    from authserver.adapters.sms import parse_sms_url

    faults: list[str] = []
    for key, url, parse in (
        ("mail.url", settings.mail_url, parse_mail_url),
        ("sms.url", settings.sms_url, parse_sms_url),
    ):
        try:
            _ = parse(url) if url is not None else None
        except Invalid as error:
            faults.append(f"`{key}`: {error.sentence}")
        except ValueError as error:
            faults.append(f"`{key}` {error}")
    return faults
