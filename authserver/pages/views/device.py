"""The device authorization grant's pages (RFC 8628 3.3)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.consent import ScopeGroup
from authserver.pages.views.parts import Account, Browser


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCodeEntry:
    """Type the code that the device shows. Field `code` (letters and digits, a hyphen in the middle); form
    `device_code`.
    """

    template: ClassVar[str] = "device_code.html"

    code: str = ""
    fault: Literal["empty", "wrong", "expired", "throttled"] | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfirm:
    """Is this your device? Form `device` with the field `decision` ("approve" or "deny"). The context names the client.

    `code` is shown to be compared with the device's; `asked` is where the device asked from.
    """

    template: ClassVar[str] = "device_confirm.html"

    account: Account
    code: str
    groups: tuple[ScopeGroup, ...] = ()
    asked: Browser | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDone:
    """The device goes on by itself, or does not."""

    template: ClassVar[str] = "device_done.html"

    result: Literal["approved", "denied", "expired"]
    restart_url: str | None = None
