"""People who come from other providers: found, linked, made, and kept up with what their provider says.

Whose an identity is decides `federation.linking`; this looks up what that depends on, and carries it out.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from authserver.accounts.directory import ordered_groups, posing_fault
from authserver.accounts.external_values import Taken, taken_values
from authserver.crypto.secrets import digest
from authserver.effects import Clock, Random
from authserver.errors import Conflict, NotFound, Refusal
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User, fold
from authserver.rules.names import username_fault
from authserver.store import Credentials, Directory, Identities, Registry
from federation.connectors import kind_of, label_of
from federation.linking import Ask, Create, Decision, Facts, Link, LocalAccount, Refuse, Use, decide
from federation.mapping import Mapped, domain_of, map_identity
from federation.model import ExternalIdentity, IdentityProvider, LinkedIdentity

_ATTEMPTS = 3
"""How often it is decided anew where somebody else was faster."""

PreSignUp = Callable[[Pool, User, str | None], Awaitable[User]]
"""Asks the pool's own code before an account is made; returns it as it shall be. May raise Vetoed, TriggerFailed."""

PostConfirmation = Callable[[Pool, User, str | None], Awaitable[None]]
Inbound = Callable[[Pool, IdentityProvider, ExternalIdentity, str | None], Awaitable[Mapping[str, str] | None]]
"""Asks the pool's own code what to take from an identity; None leaves that to the mapping. May raise Vetoed, TriggerFailed."""

Tell = Callable[[Pool, User, str], Awaitable[None]]
SealToken = Callable[[str, str, str, str], str]
"""Seals a provider's refresh token: takes pool, provider, subject and token."""


class NotLinked(Refusal):
    """The identity is verified, and nobody comes in by it. `reason` is one of `federation.linking.Refuse`, "disabled", or
    "other_issuer".
    """

    code = "not_linked"
    sentence = "This account cannot be used to sign in here."

    def __init__(self, reason: str, *, detail: str | None = None) -> None:
        super().__init__(detail=detail or reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Proven:
    """It is this user. `new`: made just now."""

    user: User
    new: bool = False


@dataclass(frozen=True, slots=True)
class ProveFirst:
    """The account of this user has the identity's address: its owner proves it before the two are joined."""

    user: User


class ExternalAccounts:
    """Finds and makes the users behind identities.

    Args:
        tell: lets the owner know of an identity that was linked to an account that was there.
        seal_token: of refresh tokens that are kept.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        directory: Directory,
        credentials: Credentials,
        identities: Identities,
        clock: Clock,
        random: Random,
        emit: Emit,
        pre_sign_up: PreSignUp,
        post_confirmation: PostConfirmation,
        inbound: Inbound,
        tell: Tell,
        seal_token: SealToken,
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._credentials = credentials
        self._identities = identities
        self._clock = clock
        self._random = random
        self._emit = emit
        self._pre_sign_up = pre_sign_up
        self._post_confirmation = post_confirmation
        self._inbound = inbound
        self._tell = tell
        self._seal_token = seal_token

    async def resolve(
        self,
        pool: Pool,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        client_id: str | None,
        *,
        wanted_by: User | None = None,
        language: str = "",
    ) -> Proven | ProveFirst:
        """The user behind an identity.

        Args:
            wanted_by: the user who is signed in and adds the identity; None in a sign-in.
            language: of a new user, if the provider says nothing of it.

        Raises:
            NotLinked: nobody comes in by it.
            Vetoed, TriggerFailed: the pool's own code refuses a new account, or does not answer.
        """
        mapped = mapped_for(provider, identity)
        if (replaced := await self._inbound(pool, provider, identity, client_id)) is not None:
            mapped = _replaced(mapped, replaced)
        for _ in range(_ATTEMPTS):
            decision = await self._decision(pool, provider, identity, mapped, wanted_by)
            try:
                return await self._carried_out(pool, provider, identity, mapped, decision, client_id, language)
            except (Conflict, NotFound):
                continue  # another request was faster: it is decided by what is there now
        raise NotLinked("changing", detail="the accounts changed again and again meanwhile")

    async def link(
        self, pool: Pool, provider: IdentityProvider, identity: ExternalIdentity, user: User, client_id: str | None
    ) -> User:
        """Join the identity with a user who has proven the account. Raises NotLinked."""
        resolved = await self.resolve(pool, provider, identity, client_id, wanted_by=user)
        if isinstance(resolved, Proven):
            return resolved.user
        raise AssertionError("whoever adds an identity has proven the account")

    async def _decision(
        self,
        pool: Pool,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        mapped: Mapped,
        wanted_by: User | None,
    ) -> Decision:
        linked = await self._identities.identity(pool.id, provider.name, identity.subject)
        # Whom an operator linked beforehand has no issuer yet: the first one that comes is it.
        if linked is not None and linked.issuer not in {"", identity.issuer}:
            raise NotLinked("other_issuer", detail=f"linked by {linked.issuer}, now it is {identity.issuer}")
        email = mapped.values.get("email")
        owner = None
        if linked is None and wanted_by is None and isinstance(email, str):
            owner = await self._directory.find_user(pool.id, email, ("email",))
        facts = Facts(
            provider,
            identity,
            policy=provider.linking or pool.linking.policy,
            linked=linked.user_id if linked is not None else None,
            wanted_by=await self._account(provider, wanted_by),
            owner=await self._account(provider, owner),
            trusted_domains=tuple(kind_of(provider.type).speaks_for(identity)),
        )
        return decide(facts)

    async def _account(self, provider: IdentityProvider, user: User | None) -> LocalAccount | None:
        return await local_account(self._registry, self._identities, provider, user) if user is not None else None

    async def _carried_out(
        self,
        pool: Pool,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        mapped: Mapped,
        decision: Decision,
        client_id: str | None,
        language: str,
    ) -> Proven | ProveFirst:
        match decision:
            case Refuse(reason):
                raise NotLinked(reason)
            case Create(with_address):
                return Proven(
                    await self._create(pool, provider, identity, mapped, with_address, client_id, language), new=True
                )
            case Ask(user_id):
                return ProveFirst(await self._usable(pool, user_id))
            case Link(user_id):
                user = await self._usable(pool, user_id)
                await self._identities.link(pool.id, self._linked(pool, provider, identity, user))
                details = {"provider": provider.name}
                self._emit(Event("identity.linked", pool.id, user.id, client_id, details=details))
                await self._tell(pool, user, label_of(provider))
                return Proven(await self._follow(pool, provider, user, mapped, client_id))
            case Use(user_id):
                user = await self._usable(pool, user_id)
                seen = self._linked(pool, provider, identity, user)
                if provider.keep_refresh_token and seen.sealed_refresh_token is None:
                    # Many give one with the first sign-in alone.
                    before = await self._identities.identity(pool.id, provider.name, identity.subject)
                    kept = before.sealed_refresh_token if before is not None else None
                    seen = replace(seen, sealed_refresh_token=kept)
                if not await self._identities.change_identity(pool.id, seen):
                    raise Conflict(detail="the identity was unlinked meanwhile")
                if provider.sync == "always":
                    user = await self._follow(pool, provider, user, mapped, client_id)
                return Proven(user)

    async def _usable(self, pool: Pool, user_id: str) -> User:
        user = await self._directory.user(pool.id, user_id)
        if user is None:
            raise NotFound(detail=f"no user {user_id}")
        if user.state == "disabled":
            raise NotLinked("disabled")
        return user

    def _linked(self, pool: Pool, provider: IdentityProvider, identity: ExternalIdentity, user: User) -> LinkedIdentity:
        now = int(self._clock())
        token = identity.refresh_token if provider.keep_refresh_token else None
        return LinkedIdentity(
            pool=pool.id,
            user_id=user.id,
            provider=provider.name,
            subject=identity.subject,
            issuer=identity.issuer,
            linked_at=now,
            name=known_as(identity),
            used_at=now,
            sealed_refresh_token=self._seal_token(pool.id, provider.name, identity.subject, token)
            if token is not None
            else None,
        )

    async def _create(
        self,
        pool: Pool,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        mapped: Mapped,
        with_address: bool,
        client_id: str | None,
        language: str,
    ) -> User:
        now, user_id = int(self._clock()), self._random.uuid()
        taken = await self._without_names(pool, user_id, taken_values(pool, mapped))
        attributes = dict(taken.attributes)
        if language:
            attributes.setdefault("locale", language)
        user = User(
            id=user_id,
            pool=pool.id,
            username=await self._free_username(pool, provider, identity, user_id),
            email=taken.email,
            email_verified=taken.email_verified and with_address,
            phone_number=taken.phone_number,
            phone_number_verified=taken.phone_number_verified,
            attributes=attributes,
            groups=ordered_groups(pool, _groups(pool, mapped)),
            state="external",
            created_at=now,
            updated_at=now,
        )
        user = await self._pre_sign_up(pool, user, client_id)
        user = replace(user, email_verified=user.email_verified and with_address)
        linked = self._linked(pool, provider, identity, user)
        try:
            await self._directory.create_user(pool.id, user, identities=[linked])
        except Conflict:
            if not user.phone_number_verified:
                raise
            # Somebody signs in by this number. Nothing was said of it to the person: it is kept as a number to be proven.
            user = replace(user, phone_number_verified=False)
            await self._directory.create_user(pool.id, user, identities=[linked])
        details = {"provider": provider.name, "state": user.state}
        self._emit(Event("user.signed_up", pool.id, user.id, client_id, details=details))
        self._tell_skipped(pool, provider, user, taken, client_id)
        await self._post_confirmation(pool, user, client_id)
        return user

    async def _free_username(
        self, pool: Pool, provider: IdentityProvider, identity: ExternalIdentity, user_id: str
    ) -> str:
        """Somebody may have registered under the name to keep this person out, or have it in another case."""
        username = username_of(provider, identity)
        taken = await self._directory.find_user(pool.id, username, ("username", "email"))
        return username if taken is None else f"{provider.name}_{user_id}"

    async def _follow(
        self, pool: Pool, provider: IdentityProvider, user: User, mapped: Mapped, client_id: str | None
    ) -> User:
        """What the provider says now, in place of what it said before."""
        taken = await self._without_names(pool, user.id, taken_values(pool, mapped, user))
        taken = await self._without_addresses(pool, user, taken)

        def followed(stored: User) -> User:
            changed = taken.applied(stored)
            if mapped.groups is not None and provider.groups is not None:
                theirs = set(provider.groups.names.values()) if provider.groups.managed else set()
                groups = (set(stored.groups) - theirs) | _groups(pool, mapped)
                changed = replace(changed, groups=ordered_groups(pool, groups))
            return changed if changed == stored else replace(changed, updated_at=int(self._clock()))

        try:
            changed = await self._directory.change_user(pool.id, user.id, followed)
        except Conflict:
            # The address is another user's by now. Everything else is followed.
            taken = replace(taken, email=None, phone_number=None)
            changed = await self._directory.change_user(pool.id, user.id, followed)
        names = sorted(taken.changed(user, changed))
        if names:
            details: Mapping[str, object] = {"attributes": names, "provider": provider.name}
            self._emit(Event("user.profile_changed", pool.id, user.id, client_id, details=details))
        self._tell_skipped(pool, provider, user, taken, client_id)
        return changed

    async def _without_names(self, pool: Pool, user_id: str, taken: Taken) -> Taken:
        """Without a name that somebody else signs in by, or that poses as an address: at most providers people choose it."""
        name = taken.attributes.get("preferred_username")
        if "preferred_username" not in pool.sign_in_with or not isinstance(name, str):
            return taken
        found = await self._directory.find_user(pool.id, name, ("preferred_username",))
        posing = posing_fault(pool, name, taken.email, taken.phone_number)
        if posing is None and (found is None or found.id == user_id):
            return taken
        attributes = {k: v for k, v in taken.attributes.items() if k != "preferred_username"}
        why = ("preferred_username", posing or "is taken")
        return replace(taken, attributes=attributes, skipped=(*taken.skipped, why))

    async def _without_addresses(self, pool: Pool, user: User, taken: Taken) -> Taken:
        """Without a new address in place of one that is the user's second factor: whoever has the login at the provider could
        have the code sent where they like (W13).
        """
        moves = {
            "email_code": user.email_verified and fold(taken.email or "") not in {"", fold(user.email or "")},
            "sms_code": user.phone_number_verified and taken.phone_number not in {None, user.phone_number},
        }
        if not any(moves.values()):
            return taken
        factors = {one.kind for one in await self._credentials.credentials(pool.id, user.id)}
        if moves["email_code"] and "email_code" in factors:
            taken = replace(taken, email=None, skipped=(*taken.skipped, ("email", "is where codes are sent")))
        if moves["sms_code"] and "sms_code" in factors:
            taken = replace(
                taken, phone_number=None, skipped=(*taken.skipped, ("phone_number", "is where codes are sent"))
            )
        return taken

    def _tell_skipped(
        self, pool: Pool, provider: IdentityProvider, user: User, taken: Taken, client_id: str | None
    ) -> None:
        if taken.skipped:
            skipped = [f"{name} {reason}" for name, reason in taken.skipped]
            details = {"provider": provider.name, "skipped": skipped}
            self._emit(Event("identity.attributes_skipped", pool.id, user.id, client_id, details=details))


async def local_account(
    registry: Registry, identities: Identities, provider: IdentityProvider, user: User
) -> LocalAccount:
    """A user as `federation.linking` sees one that an identity of this provider may join."""
    theirs = await identities.identities(user.pool, user.id)
    email = user.email if user.email_verified else None
    domain = domain_of(email or "")
    named = [await registry.provider(user.pool, one.provider) for one in theirs]
    return LocalAccount(
        user.id,
        email=email,
        links=len(theirs),
        has_this_provider=any(one.provider == provider.name for one in theirs),
        vouched=all(one is None or domain in one.domains for one in named),
    )


def mapped_for(provider: IdentityProvider, identity: ExternalIdentity) -> Mapped:
    """What the pool takes from the identity: the mapping of its kind, with the pool's own over it."""
    kind = kind_of(provider.type)
    return map_identity(provider, {**(kind.mapping or {}), **provider.attribute_mapping}, identity)


def _replaced(mapped: Mapped, given: Mapping[str, str]) -> Mapped:
    """The mapped identity with the attributes that the pool's own code gave, and no others."""
    verified = {name: given.get(name, "").lower() == "true" for name in ("email_verified", "phone_number_verified")}
    return replace(mapped, values={**given, **verified}, cleared=frozenset(), faults=())


def known_as(identity: ExternalIdentity) -> str:
    """What the owner knows the identity by."""
    for name in ("email", "preferred_username", "name"):
        value = identity.claims.get(name)
        if isinstance(value, str) and value and value.isprintable():
            return value[:200]
    return ""


def username_of(provider: IdentityProvider, identity: ExternalIdentity) -> str:
    """`<provider>_<subject>`, as in Cognito; with the subject's digest where that is no user name."""
    plain = f"{provider.name}_{identity.subject}"
    return plain if username_fault(plain) is None else f"{provider.name}_{digest(identity.subject)}"


def _groups(pool: Pool, mapped: Mapped) -> set[str]:
    known = {group.name for group in pool.groups}
    return {name for name in mapped.groups or () if name in known}
