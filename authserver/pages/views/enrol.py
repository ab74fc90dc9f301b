"""Setting up a factor: during a sign-in that requires one, or from the account page.

`skip` offers "not now" (form `later`); `cancel_url` leads back to the account page. A required factor has neither.
`second`-factor codes by message are set up with `ConfirmAddressStep(purpose="enrol")`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from markupsafe import Markup

from authserver.pages.views.parts import CodeFault, Method, PasskeyState


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolChoice:
    """Which factor would you like to set up? Form `enrol` with the field `method`; `later`."""

    template: ClassVar[str] = "enrol_choice.html"

    methods: tuple[Method, ...]
    required: bool = False
    skip: bool = False
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolTotp:
    """Scan, then type the code. Fields `code`, `name`; form `enrol_totp`; `choose_method` (with `others`), `later`.

    Attributes:
        qr: the drawing as SVG, black on nothing, of `uri`.
        secret: base32; shown in groups of four.
        uri: otpauth:// (a link on phones); "" leaves it out.
        name: what the person calls it; may be left empty.
    """

    template: ClassVar[str] = "enrol_totp.html"

    qr: Markup
    secret: str
    uri: str = ""
    name: str = ""
    fault: CodeFault | None = None
    retry_after: int | None = None
    others: bool = False
    skip: bool = False
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolPasskey:
    """Create a passkey. Fields `credential` (JSON of `RegistrationResponseJSON`), `name`; form `enrol_passkey`;
    `choose_method` (with `others`), `later`. `options`: JSON of `PublicKeyCredentialCreationOptions` (WebAuthn 5.1.9).
    """

    template: ClassVar[str] = "enrol_passkey.html"

    options: str
    name: str = ""
    state: PasskeyState = "ready"
    others: bool = False
    skip: bool = False
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupCodes:
    """New backup codes, shown once. Forms `download_codes` (to be answered with text/plain as an attachment) and
    `codes_saved` (button `continue`). Both send the codes back in the field `codes`, one a line, so that nothing need
    be kept to answer: take only lines that look like a code of ours.

    `new`: "replaced" if others were thrown away for them.
    """

    template: ClassVar[str] = "backup_codes.html"

    codes: tuple[str, ...]
    new: Literal["first", "replaced"] = "first"
