"""What the broker raises when a login at a provider does not come to an end.

Each has a stable `code` for machines and logs, a `sentence` for the person at the browser, and a `detail` for whoever runs
the server: it says what to do about it, and holds no token, secret or whole document.

    FederationError
    +-- Misconfigured        the provider cannot work as it is set up; nothing was sent
    +-- ProviderUnavailable  it does not answer, or not in time; trying again may help
    +-- ProviderRefused      it answered with an error of its protocol; `error` is the provider's word
    |   +-- Cancelled        the person turned back there
    |   +-- WrongAccount     the person came with an account that this pool does not admit
    +-- BadAnswer            it said something that must not be believed
        +-- NotForUs         that was meant for another login, another client or another time
"""


class FederationError(Exception):
    """Base of all. `code` is stable; `detail` is for the operator."""

    code = "federation_failed"
    sentence = "The sign-in at the other provider did not work."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.sentence)
        self.detail = detail


class Misconfigured(FederationError):  # noqa: N818 - named for what happened
    """The settings cannot work. `setting` is the key of the pool file that is to be looked at, if one is."""

    code = "provider_misconfigured"
    sentence = "This way of signing in is not set up completely."

    def __init__(self, detail: str = "", *, setting: str = "") -> None:
        super().__init__(detail)
        self.setting = setting


class ProviderUnavailable(FederationError):  # noqa: N818 - named for what happened
    code = "provider_unavailable"
    sentence = "The other provider does not answer at the moment."


class ProviderRefused(FederationError):  # noqa: N818 - named for what happened
    """`error` is the error code as the provider sent it (RFC 6749 4.1.2.1, or a SAML status)."""

    code = "provider_refused"
    sentence = "The other provider refused the sign-in."

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(detail or error)
        self.error = error


class Cancelled(ProviderRefused):
    code = "provider_cancelled"
    sentence = "The sign-in at the other provider was cancelled."


class WrongAccount(ProviderRefused):
    """The account is real, but of another organization than the settings admit. Another account may do."""

    code = "provider_account_not_admitted"
    sentence = "This account at the other provider may not be used here."


class BadAnswer(FederationError):  # noqa: N818 - named for what happened
    """A signature, an issuer, a time or a form is not what it must be."""

    code = "provider_answer_invalid"
    sentence = "The answer of the other provider could not be verified."


class NotForUs(BadAnswer):
    code = "provider_answer_misdirected"
    sentence = "The answer of the other provider does not belong to this sign-in."
