"""The setting `sms.url`: a webhook's URL, or `<gateway>://user:secret@host?from=...`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from authserver.adapters.sms.gateway import Gateway
from authserver.errors import Invalid
from authserver.settings.value import on_loopback


@dataclass(frozen=True, slots=True)
class Given:
    """What stands in the setting, taken apart.

    Attributes:
        scheme: "https", "http", or the gateway's name.
        user: before the colon.
        secret: behind it.
        host: in lower case; empty if there is none.
        authority: host and port as they stand in a URL.
        path: and the query of a webhook as it is.
        options: the query of a gateway.
    """

    scheme: str
    user: str
    secret: str = field(repr=False)
    host: str
    authority: str
    path: str
    query: str
    options: Mapping[str, str]

    def origin(self, default: str) -> str:
        """Where the gateway's API is: `default`, or the host that is given, by http on loopback."""
        if not self.host:
            return f"https://{default}"
        return f"{'http' if on_loopback(self.host) else 'https'}://{self.authority}"


def parse_sms_url(url: str) -> Gateway:
    """The gateway that the setting names.

    Raises:
        Invalid: with `field` "sms.url"; the sentence holds no secret.
    """
    given = _taken_apart(url)
    if given.scheme in {"https", "http"}:
        from authserver.adapters.sms.webhook import webhook

        return webhook(given)
    make = GATEWAYS.get(given.scheme)
    if make is None:
        known = ", ".join(sorted(GATEWAYS))
        raise fault(f"names no gateway that is known; there are {known}, and webhooks by https")
    return make(given)


def _taken_apart(url: str) -> Given:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise fault("is not a URL: a secret that holds : / ? # or @ has them as %3A, %2F and so on") from None
    options: dict[str, str] = {}
    for pair in filter(None, parts.query.split("&")):
        name, _, value = pair.partition("=")
        options[name] = unquote(value)  # a plus begins a phone number here, and is no space
    host = parts.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    return Given(
        scheme=parts.scheme,
        user=unquote(parts.username or ""),
        secret=unquote(parts.password or ""),
        host=host,
        authority=f"{bracketed}:{port}" if port is not None else bracketed,
        path=parts.path,
        query=parts.query,
        options=options,
    )


def checked(given: Given, form: str, *needed: str, allowed: tuple[str, ...] = ()) -> None:
    """Whether the user, the secret and the needed options are there and no others. Raises Invalid, showing `form`."""
    if not given.user or not given.secret:
        raise fault(f"needs both parts of the key: {form}")
    for name in needed:
        if not given.options.get(name):
            raise fault(f"needs the option {name}: {form}")
    if unknown := sorted(set(given.options) - {*needed, *allowed}):
        raise fault(f"has no option {unknown[0]}: {form}")
    if given.path not in {"", "/"}:
        raise fault(f"has no path: {form}")


def fault(words: str) -> Invalid:
    return Invalid(f"sms.url {words}.", field="sms.url")


def _twilio(given: Given) -> Gateway:
    from authserver.adapters.sms.twilio import twilio

    return twilio(given)


def _vonage(given: Given) -> Gateway:
    from authserver.adapters.sms.vonage import vonage

    return vonage(given)


def _sns(given: Given) -> Gateway:
    from authserver.adapters.sms.sns import sns

    return sns(given)


def _solapi(given: Given) -> Gateway:
    from authserver.adapters.sms.solapi import solapi

    return solapi(given)


GATEWAYS: Mapping[str, Callable[[Given], Gateway]] = {
    "solapi": _solapi,
    "sns": _sns,
    "twilio": _twilio,
    "vonage": _vonage,
}
"""The named gateways."""
