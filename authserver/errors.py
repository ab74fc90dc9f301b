"""Refusals: what a capability raises when it will not do what was asked.

A refusal has three audiences (STYLE 13): `code` for machines, `sentence` for the person or developer who asked, and
`detail` for our own log, never sent. Each front end has one table from refusal class to wire form; a test takes every
class through every table.

    Refusal
    +-- NotFound            the thing named does not exist (or not for you)
    +-- Conflict            it exists already, or changed meanwhile
    +-- Invalid             a value breaks a rule; `field` says which
    +-- WrongCredentials    the secret does not match, or the account cannot sign in
    +-- WrongCode           the code is not the one; `tries_left` if it may be told
    +-- CodeExpired         the code is over, used, or was tried too often
    +-- InvalidForm         several fields of a form do; `faults` says which and how
    +-- WeakPassword        a new password breaks rules; `rules` are their codes
    +-- Vetoed              a trigger of the pool says no, in a sentence of its own
    +-- TriggerFailed       a trigger, or an LDAP directory, does not answer, or not what it should
    +-- Throttled           too many tries; `retry_after` seconds
    +-- SignInGone          the sign-in expired, finished, or belongs to another browser
    +-- Busy                a bounded resource is full; `retry_after` seconds
    +-- StoreUnavailable    a store does not answer
    +-- Unexpected          a fault of ours, already logged
    +-- ProtocolRefusal     an OAuth or OpenID error with its registered code
"""


class Refusal(Exception):  # noqa: N818 - it is a refusal, not a fault
    """Base of all refusals.

    Args:
        sentence: public, plain words, safe to show.
        detail: private, for the log.
    """

    code = "refused"
    sentence = "The request was refused."

    def __init__(self, sentence: str | None = None, *, detail: str | None = None) -> None:
        if sentence is not None:
            self.sentence = sentence
        self.detail = detail
        super().__init__(self.sentence)


class NotFound(Refusal):
    code = "not_found"
    sentence = "There is no such thing."


class Conflict(Refusal):
    code = "conflict"
    sentence = "It exists already or has changed meanwhile."


class Invalid(Refusal):
    """A value breaks a rule. `field` is the key or form field."""

    code = "invalid"
    sentence = "A value is not valid."

    def __init__(self, sentence: str | None = None, *, field: str = "", detail: str | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.field = field


class WrongCredentials(Refusal):
    """Same text for an unknown name, a wrong password and an account that may not sign in (ASVS 6.3.8)."""

    code = "wrong_credentials"
    sentence = "Incorrect username or password."


class WrongCode(Refusal):
    """A one-time code does not match. `tries_left` is None where that may not or need not be told."""

    code = "wrong_code"
    sentence = "The code is not right."

    def __init__(self, tries_left: int | None = None, *, detail: str | None = None) -> None:
        super().__init__(detail=detail)
        self.tries_left = tries_left


class CodeExpired(Refusal):
    """No try will help: `reason` is "expired", "used" or "too_many"."""

    code = "code_expired"
    sentence = "The code cannot be used any more. Ask for another."

    def __init__(self, reason: str = "expired", *, detail: str | None = None) -> None:
        super().__init__(detail=detail)
        self.reason = reason


class InvalidForm(Invalid):
    """Fields of a form break rules. `faults` are (field, code, sentence); the codes are those of `rules.fields`, and the
    sentence may be empty.
    """

    code = "invalid_form"
    sentence = "Some fields need another look."

    def __init__(self, faults: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__(field=faults[0][0] if faults else "")
        self.faults = faults


class WeakPassword(Invalid):
    """A new password breaks rules of the pool. `rules` are their codes (`accounts.passwords.BrokenRule`).

    `score` (0 to 4) and `advice` say how hard it is to guess and what would help, if somebody measured it
    (`protection.strength`).
    """

    code = "weak_password"
    sentence = "Choose another password."

    def __init__(
        self,
        rules: tuple[str, ...],
        sentence: str | None = None,
        *,
        score: int | None = None,
        advice: tuple[str, ...] = (),
    ) -> None:
        super().__init__(sentence, field="new_password")
        self.rules = rules
        self.score = score
        self.advice = advice


class Vetoed(Refusal):
    """A trigger of the pool refuses what was about to happen. The sentence is its own, and shown to the person."""

    code = "vetoed"
    sentence = "This is not possible."


class TriggerFailed(Refusal):
    """A trigger, or an LDAP directory, did not answer in time, or not in its form. What waited for it has not happened."""

    code = "trigger_failed"
    sentence = "A service that has to agree does not answer at the moment."
    retry_after = 5


class Throttled(Refusal):
    code = "throttled"
    sentence = "Too many attempts."

    def __init__(self, retry_after: int, sentence: str | None = None, *, detail: str | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = max(1, retry_after)


class SignInGone(Refusal):
    """The sign-in cannot go on here. `restart` holds the query of the same authorization request, if it is known."""

    code = "expired"
    sentence = "This sign-in has expired."

    def __init__(self, reason: str = "expired", *, restart: str | None = None, detail: str | None = None) -> None:
        super().__init__(detail=detail)
        self.reason = reason  # "expired", "foreign", "finished", "unnamed"
        self.restart = restart


class Busy(Refusal):
    code = "unavailable"
    sentence = "The server is busy."

    def __init__(self, retry_after: int = 1, *, detail: str | None = None) -> None:
        super().__init__(detail=detail)
        self.retry_after = retry_after


class StoreUnavailable(Refusal):
    code = "unavailable"
    sentence = "A part of the service does not answer at the moment."
    retry_after = 2


class Unexpected(Refusal):
    """Stands for an exception nobody foresaw: the answer says no more than that, and the log has the rest."""

    code = "internal"
    sentence = "Something went wrong on our side."


class ProtocolRefusal(Refusal):
    """An error of OAuth 2.0 or OpenID Connect.

    Args:
        code: the registered error code (RFC 6749 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6, RFC 8707 2).
        sentence: `error_description`; ASCII without quotes and backslashes (RFC 6749 appendix A.8).
        status: HTTP status at endpoints that answer directly.
    """

    def __init__(self, code: str, sentence: str, *, status: int = 400, detail: str | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.code = code
        self.status = status
