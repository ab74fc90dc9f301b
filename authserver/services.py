"""What the composition root hands to the front ends: capabilities, stores, and a few settings. No adapters."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from authserver.accounts.closing import Closing
from authserver.accounts.confirmation import Confirmations
from authserver.accounts.external import ExternalAccounts
from authserver.accounts.hooks import Hooks
from authserver.accounts.linked_logins import LinkedLogins
from authserver.accounts.mail_codes import MailCodes
from authserver.accounts.notices import Notices
from authserver.accounts.objections import Objections
from authserver.accounts.password_change import PasswordChanges
from authserver.accounts.profile import Profile
from authserver.accounts.sign_up import SignUp
from authserver.assertions.service import Assertions
from authserver.assertions.sign_outs import SignOuts
from authserver.broker.choices import Choices
from authserver.broker.service import Broker
from authserver.broker.trials import Trials
from authserver.crypto.passwords import Passwords
from authserver.effects import Clock, Random
from authserver.errors import Refusal
from authserver.events import Emit
from authserver.model.pools import Pool
from authserver.signin.arriving import Arriving
from authserver.signin.challenge_state import ChallengeStates
from authserver.signin.duties import Duties
from authserver.signin.enrolling import Enrolling
from authserver.signin.factors.backup_codes import BackupCodes
from authserver.signin.factors.enrolled import Enrolled
from authserver.signin.handing_over import HandOvers
from authserver.signin.identities import Carried
from authserver.signin.moving import Moving
from authserver.signin.proving import Proving
from authserver.signin.recovering import Recovering
from authserver.signin.service import SignIns
from authserver.signin.sessions import BrowserSessions
from authserver.signin.setting_up import SettingUp
from authserver.signin.upstream import UpstreamSessions
from authserver.signin.watch import Watch
from authserver.store import Stores
from authserver.store.cached import CachedRegistry
from authserver.tokens.issuer import Issuer, Issuers
from authserver.tokens.keyring import KeyRing
from authserver.tokens.revocation import Revocations
from authserver.web import Answer, Request


@dataclass(slots=True)
class Services:
    """Everything a request may need."""

    clock: Clock
    random: Random
    registry: CachedRegistry
    stores: Stores
    issuers: Issuers
    key_ring: KeyRing
    passwords: Passwords
    revocations: Revocations
    sessions: BrowserSessions
    sign_ins: SignIns
    moving: Moving
    proving: Proving
    broker: Broker
    choices: Choices
    trials: Trials
    external: ExternalAccounts
    arriving: Arriving
    carried: Carried
    upstream: UpstreamSessions
    hand_overs: HandOvers
    assertions: Assertions
    sign_outs: SignOuts
    linked_logins: LinkedLogins
    challenge_states: ChallengeStates
    setting_up: SettingUp
    duties: Duties
    recovering: Recovering
    enrolling: Enrolling
    enrolled: Enrolled
    backup_codes: BackupCodes
    watch: Watch
    sign_up: SignUp
    confirmations: Confirmations
    codes: MailCodes
    notices: Notices
    objections: Objections
    password_changes: PasswordChanges
    closing: Closing
    profile: Profile
    hooks: Hooks
    emit: Emit
    base_url: str
    show_error: "Refuse"
    """Makes the error page a person sees: the pages front end provides it, the OAuth endpoints call it."""
    language_of: "Callable[[Services, Issuer, Request], str]"
    """The language in which the person reads our pages, and so our messages."""
    language_names: Callable[[Pool], tuple[tuple[str, str], ...]]
    """The languages of a pool's pages: tags, and what each calls itself."""

    @property
    def secure(self) -> bool:
        """Whether the public origin is https, so that cookies are."""
        return self.base_url.startswith("https:")

    def cookie_name(self, pool: str, kind: str) -> str:
        """The name of a pool's cookie (DESIGN 4): with the `__Host-` prefix wherever the browser allows it."""
        return f"__Host-{pool}-{kind}" if self.secure else f"{pool}-{kind}"


Handler = Callable[[Services, Issuer, Request], Awaitable[Answer]]
"""Handles one method at one address below a pool. May raise any Refusal."""

Refuse = Callable[[Services, Request, Issuer | None, Refusal], Answer]
"""A front end's one table from refusals to its wire form. The issuer is None if the pool is not known."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address below a pool: what handles each method, and how its refusals look.

    `cors`: whether pages of any origin may call it, without credentials (DESIGN 4).
    """

    name: str
    methods: Mapping[str, Handler]
    refuse: Refuse
    cors: bool = False
