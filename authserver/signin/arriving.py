"""Signing in by another provider: the way there, and what becomes of the sign-in when the person is back."""

from collections.abc import Sequence
from dataclasses import replace

from authserver.accounts.external import ExternalAccounts, NotLinked, ProveFirst, Proven
from authserver.broker.choices import Choices
from authserver.broker.service import Broker, Wish
from authserver.effects import Clock
from authserver.errors import Invalid
from authserver.events import Emit, Event
from authserver.model.clients import POOL
from authserver.model.pools import Pool
from authserver.model.sessions import Proof, Session, SignIn
from authserver.model.users import User
from authserver.signin.identities import Carried
from authserver.signin.keeping import NOTHING_PROVEN, Keeping
from authserver.signin.levels import wanted_level
from authserver.signin.moving import Moved, Moving
from authserver.signin.origin import Origin
from authserver.signin.passwords import PreAuthentication, sign_in_name
from authserver.signin.situations import Situation, Situations
from authserver.signin.step_types import Leave
from authserver.store import Identities
from authserver.tokens.issuer import Issuer
from federation.errors import FederationError
from federation.model import ExternalIdentity, IdentityProvider, Outgoing

TWO_FACTORS = 2
_STRONG = 3
"""The level from which on more than one factor is asked for."""


class Arriving:
    """Drives sign-ins that go by another provider."""

    def __init__(
        self,
        *,
        broker: Broker,
        choices: Choices,
        accounts: ExternalAccounts,
        identities: Identities,
        moving: Moving,
        situations: Situations,
        keeping: Keeping,
        carried: Carried,
        clock: Clock,
        emit: Emit,
        pre_authentication: PreAuthentication,
    ) -> None:
        self._broker = broker
        self._choices = choices
        self._accounts = accounts
        self._identities = identities
        self._moving = moving
        self._situations = situations
        self._keeping = keeping
        self._carried = carried
        self._clock = clock
        self._emit = emit
        self._pre_authentication = pre_authentication

    # ------------------------------------------------------------------------------------------------- the way there

    async def choose(self, pool: Pool, situation: Situation, name: str) -> SignIn:
        """The person presses a provider's button. Raises Invalid if it is none that is offered here."""
        provider = await self._choices.usable(pool.id, situation.client, name)
        if provider is None:
            raise Invalid("Choose one of the ways to sign in.", field="provider")
        return await self._keeping.change(situation.sign_in, provider=provider.name, trouble=None)

    async def home_realm(self, pool: Pool, situation: Situation, identifier: str) -> str | None:
        """The provider to which the address belongs that was typed as a name; None if the pool is asked for itself."""
        if situation.sign_in.request.identity_provider == POOL:
            return None
        return await self._choices.of_domain(pool.id, situation.client, identifier)

    async def leave(self, issuer: Issuer, situation: Situation, step: Leave, browser: str) -> Outgoing | None:
        """Where the browser goes; None if the provider cannot be reached, which the next page then says.

        The sign-in forgets where it goes: whoever comes back by the browser's button finds its first page again.
        """
        sign_in, pool = situation.sign_in, issuer.pool
        provider = await self._choices.usable(pool.id, situation.client, step.provider)
        if provider is None:
            await self._keeping.change(sign_in, provider=None, trouble=f"provider_gone {step.provider}")
            return None
        try:
            wish = self._wish(pool, provider, situation)
            outgoing = await self._broker.depart(issuer, provider, "sign_in", sign_in.id, browser, wish)
        except FederationError as error:
            await self._keeping.change(sign_in, provider=None, trouble=f"{error.code} {provider.name}")
            return None
        await self._keeping.change(sign_in, provider=None, trouble=None)
        return outgoing

    def _wish(self, pool: Pool, provider: IdentityProvider, situation: Situation) -> Wish:
        sign_in = situation.sign_in
        request = sign_in.request
        # An acr that the pool believes the provider is asked for where one factor is not enough; one that is not ours
        # goes on as it came.
        strong = tuple(acr for acr, factors in provider.trusted.items() if factors >= TWO_FACTORS)
        foreign = tuple(acr for acr in request.acr_values if acr not in pool.mfa.acr_levels)
        return Wish(
            login_hint=sign_in.identifier or request.login_hint,
            fresh="login" in request.prompt or sign_in.joining_user is not None,
            max_age=request.max_age,
            acr_values=strong if wanted_level(pool, request) >= _STRONG else foreign,
            ui_locales=request.ui_locales,
        )

    # ----------------------------------------------------------------------------------------------------- the return

    async def failed(self, situation: Situation, provider: IdentityProvider, error: FederationError) -> SignIn:
        """The return brought nobody: the next page says so."""
        return await self._keeping.change(situation.sign_in, trouble=f"{error.code} {provider.name}")

    async def failed_here(self, situation: Situation, provider: IdentityProvider) -> SignIn:
        """Something of ours did not answer: the person may try again."""
        return await self._keeping.change(situation.sign_in, trouble=f"not_finished {provider.name}")

    async def arrived(
        self,
        pool: Pool,
        situation: Situation,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        origin: Origin,
        session: Session | None,
    ) -> Moved:
        """Somebody is back, verified: go on as the user they are here.

        Raises Vetoed, TriggerFailed, WrongCredentials, Throttled, Conflict.
        """
        sign_in, client_id = situation.sign_in, situation.sign_in.request.client_id
        if await self._choices.usable(pool.id, situation.client, provider.name) is None:
            return await self._refused(pool, situation, provider, NotLinked("not_offered"), session)
        try:
            found = await self._accounts.resolve(pool, provider, identity, client_id, language=origin.language)
        except NotLinked as refusal:
            return await self._refused(pool, situation, provider, refusal, session)
        if not (isinstance(found, Proven) and found.new):
            await self._pre_authentication(pool, found.user, client_id)
        if isinstance(found, ProveFirst):
            return await self._ask_for_proof(pool, sign_in, identity, found.user, origin, session)
        return await self._proven(pool, sign_in, provider, identity, found, origin, session)

    async def _proven(
        self,
        pool: Pool,
        sign_in: SignIn,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        found: Proven,
        origin: Origin,
        session: Session | None,
    ) -> Moved:
        now = int(self._clock())
        believed = provider.trusted.get(identity.acr or "", 0)
        proof = Proof(
            "federated",
            min(now, identity.authenticated_at or now),
            verified=believed >= TWO_FACTORS,
            provider=provider.name,
            amr=tuple(a for a in identity.amr if a != "mfa" or believed >= TWO_FACTORS) if believed else (),
        )
        carried = replace(sign_in, upstream=self._carried.upstream(pool.id, identity))
        return await self._moving.proven(pool, carried, found.user, proof, origin, session)

    async def _ask_for_proof(
        self,
        pool: Pool,
        sign_in: SignIn,
        identity: ExternalIdentity,
        user: User,
        origin: Origin,
        session: Session | None,
    ) -> Moved:
        """The address is an account's: whoever can sign in to that gets the two joined."""
        cleared: SignIn = replace(sign_in, **NOTHING_PROVEN)  # type: ignore[arg-type]  # field names
        # What the person said already, where it will do: nobody is told by what name the owner signs in.
        address = user.email if "email" in pool.sign_in_with or not user.may_begin else None
        waiting = replace(
            cleared,
            identifier=address or sign_in_name(user, pool) or user.username,
            # A session here may be somebody else's; and that it is there proves nothing now.
            other_account=True,
            joining=self._carried.identity(
                pool.id, identity, with_sources=pool.trigger("inbound_federation") is not None
            ),
            joining_by=identity.provider,
            joining_user=user.id,
        )
        return await self._moving.advance(pool, sign_in, waiting, origin, session)

    async def _refused(
        self,
        pool: Pool,
        situation: Situation,
        provider: IdentityProvider,
        refusal: NotLinked,
        session: Session | None,
    ) -> Moved:
        details = {"provider": provider.name, "reason": refusal.reason}
        self._emit(Event("identity.not_linked", pool.id, None, situation.client.client_id, details=details))
        kept = await self._keeping.change(situation.sign_in, trouble=f"{refusal.reason} {provider.name}")
        return Moved(await self._situations.of(pool, kept, session))

    # ------------------------------------------------------------------------------------------------- joining

    async def providers_of(self, pool: Pool, situation: Situation, user_id: str) -> Sequence[IdentityProvider]:
        """By whom an account without a password can be proven here."""
        linked = [one.provider for one in await self._identities.identities(pool.id, user_id)]
        found = [await self._choices.usable(pool.id, situation.client, name) for name in linked]
        return [provider for provider in found if provider is not None]
