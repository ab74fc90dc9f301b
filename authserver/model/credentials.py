"""What a user proves identity with besides the password, the browsers that did, and codes sent by message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CredentialKind = Literal["totp", "passkey", "email_code", "sms_code"]

Medium = Literal["email", "sms"]

CodePurpose = Literal["confirm", "recover", "sign_in", "factor", "change_email", "change_phone_number", "verify"]
"""What a sent code proves: that a new account's address is the person's own, that a forgotten password may be replaced,
a first factor, a second factor, a new address in place of the old one, an address that was never verified."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A factor that a user enrolled.

    `email_code` and `sms_code` say no more than that the user wants codes as a second factor. A passkey's `handle` is
    its credential id (unpadded base64url), unique in the pool; `public` holds what is no secret (its COSE key,
    transports, AAGUID, whether it is backed up). `sealed` is the TOTP seed. `counter` only grows: the last time step a
    TOTP code was taken for (RFC 6238 5.2), or a passkey's signature counter (WebAuthn 6.1.1).
    """

    id: str
    pool: str
    user_id: str
    kind: CredentialKind
    name: str = ""
    handle: str | None = None
    public: Mapping[str, object] = field(default_factory=dict)
    sealed: bytes | None = field(default=None, repr=False)
    counter: int = 0
    created_at: int = 0
    last_used_at: int | None = None


def seed_record(pool: str, user_id: str, credential_id: str) -> str:
    """The name under which a TOTP seed is sealed."""
    return f"credentials/{pool}/{user_id}/{credential_id}/seed"


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that signed the user in. `id` is the digest of its cookie.

    `remembered_until`: until then it needs no second factor; 0 if it was not asked to be remembered. `network` is what
    guessing is counted by (an IPv4 address or an IPv6 /64); `place` what a GeoIP file says of it, such as "KR Seoul".
    """

    id: str
    user_id: str
    user_agent: str = ""
    network: str = ""
    place: str = ""
    first_seen: int = 0
    last_seen: int = 0
    remembered_until: int = 0


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code under way. The code itself is not in here: only its keyed digest, which tells nothing without our key.

    `user_id` None stands for a code that was never sent because there is nobody to send it to; no code matches it.
    `binding` is the sign-in or session that asked for it; elsewhere it is worth nothing. `value` is the new address
    that a change waits with. `account` is what wrong codes are counted by.
    """

    handle: str
    pool: str
    purpose: CodePurpose
    medium: Medium
    target: str
    user_id: str | None
    binding: str
    tag: str = field(repr=False)
    link: str | None = field(default=None, repr=False)
    value: str | None = None
    sent_at: int = 0
    expires_at: int = 0
    account: str = ""
