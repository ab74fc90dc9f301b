"""A pool, a person and one message of every kind, as the tests of the messages tell them."""

from dataclasses import replace

from authserver.messages import Kind, Message
from authserver.messages.kinds import TRAITS
from authserver.model.pools import Pool

NOW = 1_795_000_000
ORIGIN = "https://login.acme.com"
POOL = Pool("acme_Pool1", "Acme")
CODE = "012345"
LINK = f"{ORIGIN}/acme_Pool1/confirm?token=abc.DEF-1_2&lang=en"
PASSWORD = "kQ7-temporary-9z"

_EMAIL = Message(
    kind=Kind.NO_ACCOUNT,
    medium="email",
    to="ada@example.com",
    username="ada",
    client_name="Harbour Market",
    address="n\u2022\u2022\u2022@h\u2022\u2022\u2022\u2022.com",
    device="Chrome on Windows",
    place="KR Seoul",
    network="203.0.113.9",
    when=NOW,
    factor="passkey",
    provider="Google",
    ends_at=NOW + 600,
)


def message(kind: Kind, language: str = "en", medium: str = "email", **changes: object) -> Message:
    """A complete message of the kind."""
    traits = TRAITS[kind]
    facts: dict[str, object] = {
        "kind": kind,
        "medium": medium,
        "language": language,
        "to": "ada@example.com" if medium == "email" else "+821012345678",
        "code": CODE if "code" in traits.needs else None,
        "password": PASSWORD if "password" in traits.needs else None,
        "link": LINK if "code" not in traits.needs or f"{kind}.action" in _ACTIONS else None,
    }
    return replace(_EMAIL, **facts | changes)


def every_message() -> list[Message]:
    """Every kind in every language by every medium that carries it."""
    return [
        message(kind, language, medium)
        for kind in Kind
        for language in ("en", "ko")
        for medium in sorted(TRAITS[kind].media)
    ]


_ACTIONS = frozenset(
    {"confirm_sign_up.action", "recover_password.action", "change_email.action", "verify_address.action"}
)
