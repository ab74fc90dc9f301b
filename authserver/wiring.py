"""Wiring: every capability over open stores, and what runs in the background of a serving process."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import structlog

from authserver.accounts.closing import Closing
from authserver.accounts.confirmation import Confirmations
from authserver.accounts.directory import Users
from authserver.accounts.elsewhere import Elsewhere, TriggerSystem
from authserver.accounts.external import ExternalAccounts
from authserver.accounts.hooks import Hooks
from authserver.accounts.invited import InvitedAddresses
from authserver.accounts.ldap_people import LdapPeople
from authserver.accounts.linked_logins import LinkedLogins
from authserver.accounts.links import Links
from authserver.accounts.mail_codes import MailCodes
from authserver.accounts.notices import Notices
from authserver.accounts.objections import Objections
from authserver.accounts.password_change import PasswordChanges
from authserver.accounts.passwords import PasswordRules
from authserver.accounts.profile import Profile
from authserver.accounts.sign_up import SignUp
from authserver.accounts.unconfirmed import Unconfirmed
from authserver.adapters.audit_feed import AuditCourier
from authserver.adapters.ldap import LdapDirectories
from authserver.adapters.trigger_messages import TriggerMessages
from authserver.assertions.names import Names
from authserver.assertions.service import Assertions
from authserver.assertions.sign_outs import SignOuts
from authserver.audit import Trail
from authserver.audit.feed import Feed, FeedTarget, TargetOf
from authserver.broker.choices import Choices
from authserver.broker.departures import Departures
from authserver.broker.ground import Ground
from authserver.broker.kept_tokens import KeptTokens
from authserver.broker.service import Broker
from authserver.broker.trials import Trials
from authserver.crypto.secrets import derive
from authserver.events import Emit, emitter
from authserver.heart import Heart
from authserver.logs import log_event
from authserver.messages.courier import MessageCourier
from authserver.messages.outbox import Outbox
from authserver.messages.parcels import parcel_record
from authserver.messages.postman import Postman
from authserver.messages.render import Renderer as MessageRenderer
from authserver.messages.transport import NoTransport, Transport
from authserver.model.credentials import Medium
from authserver.opening import Opened
from authserver.outbound.streams import Streams
from authserver.pages.frame import Frame
from authserver.protection.breached import BreachedPasswords
from authserver.protection.places import Places
from authserver.protection.strength import Meter
from authserver.services import Services
from authserver.signin.arriving import Arriving
from authserver.signin.challenge_state import ChallengeStates
from authserver.signin.challenges import Challenges
from authserver.signin.duties import Duties
from authserver.signin.enrolling import Enrolling
from authserver.signin.factors.backup_codes import BackupCodes
from authserver.signin.factors.enrolled import Enrolled
from authserver.signin.factors.guessing import Guessing
from authserver.signin.factors.passkey import Passkeys
from authserver.signin.factors.relying_party import RelyingParty
from authserver.signin.factors.totp import Totp
from authserver.signin.handing_over import HandOvers
from authserver.signin.identities import Carried
from authserver.signin.joining import Joining
from authserver.signin.keeping import Keeping
from authserver.signin.moving import Moving
from authserver.signin.passwords import PasswordFactor
from authserver.signin.proving import Proving
from authserver.signin.recovering import Recovering
from authserver.signin.refusing import Refusals
from authserver.signin.service import SignIns
from authserver.signin.sessions import BrowserSessions
from authserver.signin.setting_up import SettingUp
from authserver.signin.situations import Situations
from authserver.signin.upstream import UpstreamSessions
from authserver.signin.watch import Watch
from authserver.tidying import Tidying
from authserver.triggers import Triggers

log = structlog.get_logger("app")

Transports = Mapping[Medium, Transport]

NO_TRANSPORTS: Transports = {"email": NoTransport("mail.url"), "sms": NoTransport("sms.url")}


@runtime_checkable
class Closable(Protocol):
    """A transport that holds connections."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wired:
    """The capabilities, and what keeps them going: `running` is for a process that serves."""

    opened: Opened
    services: Services
    frame: Frame
    postman: Postman
    closing: Closing
    trail: Trail
    triggers: Triggers
    directories: LdapDirectories
    transports: Transports

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The background of a serving process: its heartbeat, its postman, its housekeeping. Ends it with the block."""
        opened = self.opened
        heart = Heart(opened.announcements, opened.registry, opened.revocations, opened.stores.grants, opened.clock)
        tidying = Tidying(
            self.closing,
            Unconfirmed(opened.stores.directory, opened.clock, self.services.emit),
            opened.registry,
            opened.stores.journal,
            self.services.broker,
            opened.settings.audit_keep_days,
            opened.clock,
        )
        async with self.trail.running():
            await heart.start()
            await self.postman.start()
            await tidying.start()
            try:
                yield
            finally:
                await tidying.stop()
                await self.postman.stop()
                for transport in self.transports.values():
                    if isinstance(transport, Closable):
                        await transport.close()
                await self.triggers.close()
                self.directories.close()
                self.services.broker.close()
                await heart.stop()


def wire(
    opened: Opened,
    frame: Frame,
    listeners: Sequence[Emit] = (),
    transports: Transports = NO_TRANSPORTS,
    *,
    strict: bool = False,
) -> Wired:
    """Capabilities over open stores.

    Args:
        listeners: further listeners to events.
        transports: what carries mails and text messages.
        strict: for tests; an event of no known kind raises.
    """

    def complain(sentence: str) -> None:
        log.warning("a file cannot be used", detail=sentence)

    stores, clock, random, settings = opened.stores, opened.clock, opened.random, opened.settings
    base_url = settings.base_url
    places = Places(settings.geoip_file, complain)
    feed = Feed(stores.journal, opened.http, opened.sealer, clock, _feed_target(opened), parcel_record)
    trail = Trail(
        stores.journal,
        clock,
        settings.data_dir / "audit",
        place_of=lambda address: _words(places, address),
        appended=feed.appended,
    )
    opened.metrics.gauges["audit_waiting"] = lambda: trail.waiting
    emit = emitter((log_event, opened.metrics.event, trail.hear, *listeners), strict=strict)
    triggers = Triggers(
        http=opened.http, sealer=opened.sealer, clock=clock, random=random, calls=opened.trigger_calls, emit=emit
    )
    directory, credentials = stores.directory, stores.credentials
    hooks = Hooks(triggers)
    directories = LdapDirectories(Streams(settings.outbound_allow), opened.sealer, clock)
    elsewhere = Elsewhere(
        (LdapPeople(directories, emit), TriggerSystem(triggers)),
        Users(directory, credentials, opened.passwords, clock, random, opened.revoke_user, emit),
        directory,
        stores.counters,
        clock,
        emit,
    )
    postman = _postman(opened, transports, triggers, feed, emit)
    outbox = Outbox(stores.journal, opened.sealer, clock, random, postman.wake)
    links = Links(base_url)
    notices = Notices(outbox, stores.one_time, links, clock, random)
    codes = MailCodes(stores.one_time, stores.counters, outbox, clock, random, opened.master, emit)
    breached = BreachedPasswords(settings.breached_file, complain)
    rules = PasswordRules(directory, credentials, opened.passwords, breached, Meter())
    changes = PasswordChanges(directory, credentials, opened.passwords, rules, notices, clock, emit, opened.revoke_user)
    closing = Closing(directory, notices, clock, emit, opened.revoke_user)
    confirmations = Confirmations(directory, codes, links, clock, emit, hooks.post_confirmation)
    sessions = BrowserSessions(stores.sessions, opened.revocations, clock, random)
    guessing = Guessing(
        directory=directory,
        credentials=credentials,
        counters=stores.counters,
        clock=clock,
        emit=emit,
        per_address=settings.guesses_per_address,
        closed=notices.locked,
    )
    totp = Totp(credentials=credentials, guessing=guessing, sealer=opened.sealer, clock=clock, random=random, emit=emit)
    party = RelyingParty.of(base_url)
    passkeys = Passkeys(
        credentials=credentials,
        guessing=guessing,
        relying_party=lambda _pool: party,
        clock=clock,
        random=random,
        emit=emit,
    )
    backup_codes = BackupCodes(
        credentials=credentials,
        guessing=guessing,
        keys=(derive(opened.master, "backup codes"),),
        clock=clock,
        random=random,
        emit=emit,
    )
    enrolling = Enrolling(
        credentials=credentials,
        codes=codes,
        totp=totp,
        passkeys=passkeys,
        backup_codes=backup_codes,
        notices=notices,
        clock=clock,
        random=random,
        emit=emit,
    )
    watch = Watch(
        directory=directory,
        credentials=credentials,
        places=places,
        notices=notices,
        clock=clock,
        emit=emit,
        post_authentication=hooks.post_authentication,
    )
    keeping = Keeping(stores.sessions)
    situations = Situations(opened.registry, directory, credentials, stores.grants, stores.one_time, clock)
    passwords = PasswordFactor(
        directory,
        credentials,
        stores.counters,
        opened.passwords,
        clock,
        emit,
        per_address=settings.guesses_per_address,
        pre_authentication=hooks.pre_authentication,
        migrate=elsewhere.at_sign_in,
        closed=notices.locked,
    )
    challenge_states = ChallengeStates(opened.sealer)
    challenges = Challenges(
        directory=directory,
        counters=stores.counters,
        triggers=triggers,
        states=challenge_states,
        keeping=keeping,
        passwords=passwords,
        guessing=guessing,
        clock=clock,
        emit=emit,
        pre_authentication=hooks.pre_authentication,
    )
    departures = Departures(stores.one_time, opened.sealer)
    ground = Ground(
        http=opened.http,
        random=random,
        clock=clock,
        sealer=opened.sealer,
        key_ring=opened.key_ring,
        identities=stores.identities,
        one_time=stores.one_time,
        threads=Broker.threads(),
    )
    broker = Broker(opened.registry, ground, departures, opened.metrics.provider, emit)
    external = ExternalAccounts(
        registry=opened.registry,
        directory=directory,
        credentials=credentials,
        identities=stores.identities,
        clock=clock,
        random=random,
        emit=emit,
        pre_sign_up=hooks.pre_sign_up_external,
        post_confirmation=hooks.post_confirmation,
        inbound=hooks.inbound,
        tell=notices.identity_linked,
        seal_token=KeptTokens(opened.sealer).seal,
    )
    carried = Carried(opened.sealer)
    joining = Joining(registry=opened.registry, directory=directory, accounts=external, carried=carried, emit=emit)
    upstream = UpstreamSessions(
        broker=broker,
        identities=stores.identities,
        one_time=stores.one_time,
        sessions=sessions,
        carried=carried,
        counters=stores.counters,
        clock=clock,
        emit=emit,
    )
    moving = Moving(
        directory=directory,
        situations=situations,
        keeping=keeping,
        sessions=sessions,
        codes=codes,
        guessing=guessing,
        watch=watch,
        confirmations=confirmations,
        challenges=challenges,
        links=links,
        joining=joining,
        upstream=upstream,
        identities=stores.identities,
        random=random,
    )
    choices = Choices(opened.registry)
    arriving = Arriving(
        broker=broker,
        choices=choices,
        accounts=external,
        identities=stores.identities,
        moving=moving,
        situations=situations,
        keeping=keeping,
        carried=carried,
        clock=clock,
        emit=emit,
        pre_authentication=hooks.pre_authentication,
    )
    proving = Proving(
        directory=directory,
        moving=moving,
        situations=situations,
        keeping=keeping,
        passwords=passwords,
        codes=codes,
        totp=totp,
        passkeys=passkeys,
        backup_codes=backup_codes,
        challenges=challenges,
        confirmations=confirmations,
        clock=clock,
        random=random,
        pre_authentication=hooks.pre_authentication,
    )
    profile = Profile(directory, codes, links, notices, clock, emit)
    hand_overs = HandOvers(stores.one_time, random)
    refusals = Refusals(hand_overs)
    names = Names(stores.one_time, derive(opened.master, "saml sessions"))
    assertions = Assertions(opened.registry, ground, names, derive(opened.master, "saml names"), emit)
    services = Services(
        clock=clock,
        random=random,
        registry=opened.registry,
        stores=stores,
        issuers=opened.issuers,
        key_ring=opened.key_ring,
        passwords=opened.passwords,
        revocations=opened.revocations,
        sessions=sessions,
        sign_ins=SignIns(
            directory=directory,
            grants=stores.grants,
            one_time=stores.one_time,
            keeping=keeping,
            situations=situations,
            sessions=sessions,
            hand_overs=hand_overs,
            refusals=refusals,
            counters=stores.counters,
            clock=clock,
            random=random,
            emit=emit,
            per_address=settings.sign_ins_per_address,
        ),
        moving=moving,
        proving=proving,
        broker=broker,
        choices=choices,
        trials=Trials(broker, stores.one_time, opened.sealer, random),
        external=external,
        arriving=arriving,
        carried=carried,
        upstream=upstream,
        hand_overs=hand_overs,
        assertions=assertions,
        sign_outs=SignOuts(
            registry=opened.registry,
            assertions=assertions,
            names=names,
            sessions=sessions,
            upstream=upstream,
            ground=ground,
            emit=emit,
        ),
        linked_logins=LinkedLogins(
            registry=opened.registry,
            directory=directory,
            credentials=credentials,
            identities=stores.identities,
            emit=emit,
        ),
        challenge_states=challenge_states,
        setting_up=SettingUp(moving=moving, situations=situations, keeping=keeping, enrolling=enrolling, random=random),
        duties=Duties(
            directory=directory,
            moving=moving,
            keeping=keeping,
            changes=changes,
            closing=closing,
            profile=profile,
            invited=InvitedAddresses(stores.one_time, directory, emit),
            refusals=refusals,
            clock=clock,
            emit=emit,
        ),
        recovering=Recovering(
            directory=directory,
            codes=codes,
            changes=changes,
            keeping=keeping,
            moving=moving,
            forgotten=elsewhere.at_recovery,
            links=links,
            clock=clock,
            emit=emit,
        ),
        enrolling=enrolling,
        enrolled=Enrolled(credentials=credentials, emit=emit),
        backup_codes=backup_codes,
        watch=watch,
        sign_up=SignUp(
            directory,
            stores.counters,
            opened.passwords,
            changes,
            clock,
            random,
            emit,
            hooks.pre_sign_up,
        ),
        confirmations=confirmations,
        codes=codes,
        notices=notices,
        objections=Objections(directory, credentials, stores.identities, notices, clock, emit, opened.revoke_user),
        password_changes=changes,
        closing=closing,
        hooks=hooks,
        profile=profile,
        emit=emit,
        base_url=base_url,
        show_error=frame.error,
        language_of=frame.language,
        language_names=frame.language_names,
    )
    return Wired(opened, services, frame, postman, closing, trail, triggers, directories, transports)


def _postman(opened: Opened, transports: Transports, triggers: Triggers, feed: Feed, emit: Emit) -> Postman:
    base_url = opened.settings.base_url
    through = TriggerMessages(triggers, opened.registry.pool, opened.stores.directory.user, transports)
    courier = MessageCourier(
        opened.registry.pool,
        MessageRenderer(lambda _pool: base_url),
        transports,
        lambda _pool: f"no-reply@{RelyingParty.of(base_url).id}",
        opened.clock,
        compose=through.compose,
        carriers=through.carrier,
    )
    return Postman(
        opened.stores.journal,
        opened.sealer,
        {"email": courier, "sms": courier, "webhook": AuditCourier(feed)},
        opened.clock,
        opened.random,
        emit,
    )


def _words(places: Places, address: str) -> str | None:
    place = places.find(address)
    return place.words or None if place is not None else None


def _feed_target(opened: Opened) -> TargetOf:
    """One feed for the whole installation, if the settings name one."""
    url, secret = opened.settings.audit_webhook_url, opened.settings.audit_webhook_secret
    target = FeedTarget(url, secret.encode()) if url is not None and secret is not None else None

    async def target_of(_pool: str) -> FeedTarget | None:
        return target

    return target_of
