"""The steps that a sign-in may need, as values, and the facts from which the dispatcher chooses (`steps.next_step`)."""

from dataclasses import dataclass
from typing import Literal

from authserver.model.clients import Client
from authserver.model.credentials import Medium
from authserver.model.grants import Consent
from authserver.model.pools import Pool
from authserver.model.sessions import Authentication, Proof, Session, SignIn
from authserver.model.users import User
from authserver.rules.fields import Field
from authserver.signin.factors.summary import Summary


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask who it is. `known`: a session whose person may go on with one click. `methods`: what a sign-in here may begin
    with; nothing where the client takes none of the pool's own accounts, but only those of other providers.
    """

    known: Session | None = None
    methods: tuple[str, ...] = ("password",)


@dataclass(frozen=True, slots=True)
class Leave:
    """Send the person to another provider, to prove there who they are."""

    provider: str


@dataclass(frozen=True, slots=True)
class ProveAccount:
    """Somebody came from another provider, and an account here has the same address: it is proven first, at a provider that
    it is linked with, since it has no password.
    """

    user_id: str


@dataclass(frozen=True, slots=True)
class EnterPassword:
    """Ask for the password of `identifier`. `again`: the person is signed in already and must prove it once more.
    `others`: what may be given instead. `custom`: a challenge of the pool's own sign-in asks for it, which goes on with it.
    """

    identifier: str
    again: bool = False
    others: tuple[str, ...] = ()
    custom: bool = False


@dataclass(frozen=True, slots=True)
class AnswerChallenge:
    """Ask what the pool's own triggers want to know. `begun`: they have been asked what that is."""

    identifier: str
    begun: bool = True
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnterCode:
    """Ask for a code: a sent one, of an authenticator app, or a backup code. `second`: it comes after another factor.

    `remember_days`: for how long the device may be remembered, 0 if that is not offered.
    """

    method: Literal["email_code", "sms_code", "totp", "backup_codes"]
    identifier: str
    second: bool
    others: tuple[str, ...] = ()
    remember_days: int = 0


@dataclass(frozen=True, slots=True)
class UsePasskey:
    """Ask for a passkey."""

    identifier: str | None
    second: bool
    others: tuple[str, ...] = ()
    remember_days: int = 0


@dataclass(frozen=True, slots=True)
class ChooseMethod:
    """Ask which of the factors to give."""

    identifier: str
    second: bool
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enrol:
    """Have a factor set up: because a second one is `required` and there is none, or because the person took the
    invitation. `chosen` is the one under way.
    """

    choices: tuple[str, ...]
    chosen: str | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class ConfirmAddress:
    """A new account waits for the code that was sent."""


@dataclass(frozen=True, slots=True)
class ChooseMedium:
    """A forgotten password: where should the code go? The same question for every name."""

    identifier: str
    media: tuple[Medium, ...]


@dataclass(frozen=True, slots=True)
class Recover:
    """A forgotten password: the code that was sent, and a new password. `demanded`: the operator asked for a reset."""

    demanded: bool = False


@dataclass(frozen=True, slots=True)
class SetPassword:
    """The password was a temporary one: have it replaced."""


@dataclass(frozen=True, slots=True)
class KeepAccount:
    """The account waits for its deletion: is that still wanted?"""

    delete_after: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """The sign-in looks like somebody else's, and the pool lets none such in."""

    signals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """Everything is proven: open the session. Not a page."""

    user_id: str
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class AgreeToTerms:
    """Signed in; the pool's terms have to be agreed to. `since`: when they changed; None for who never agreed to any."""

    since: int | None = None


@dataclass(frozen=True, slots=True)
class CompleteProfile:
    """Signed in; attributes that the pool requires have no value."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Invite:
    """Signed in; invite the person to add a passkey."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask whether the client may have the scopes; `new` are those not allowed before."""

    authentication: Authentication
    scope: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """Everything is proven and allowed: answer the client."""

    authentication: Authentication


@dataclass(frozen=True, slots=True)
class Refuse:
    """The client asked for what cannot be had: answer it with this error (OpenID Connect Core 3.1.2.6)."""

    code: str
    sentence: str


Step = (
    Identify
    | Leave
    | ProveAccount
    | EnterPassword
    | AnswerChallenge
    | EnterCode
    | UsePasskey
    | ChooseMethod
    | Enrol
    | ConfirmAddress
    | ChooseMedium
    | Recover
    | SetPassword
    | KeepAccount
    | Blocked
    | Open
    | AgreeToTerms
    | CompleteProfile
    | Invite
    | AskConsent
    | Finish
    | Refuse
)

RiskVerdict = Literal["ignore", "notify", "require_factor", "block"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the choice rests on.

    `session` is live and its user may sign in; `consent` is what that user allowed before. `user` is whom the proofs of
    the sign-in, or else the session, belong to; `summary` are that user's factors, None where nothing can hang on them.
    `remembered`: this device needs no second factor. `passed_by`: the user had a second factor when the authentication
    took place, whether it was given or not. `risk` is what the pool wants done about the signals of this sign-in.
    `invitable`: a passkey could be added, and the person has not declined lately. `joining`: whose account is to be proven
    before an identity becomes one of its; None if none is waiting.
    """

    pool: Pool
    sign_in: SignIn
    client: Client
    session: Session | None
    consent: Consent | None
    user: User | None = None
    summary: Summary | None = None
    remembered: bool = False
    passed_by: bool = False
    risk: RiskVerdict = "ignore"
    invitable: bool = False
    joining: User | None = None
