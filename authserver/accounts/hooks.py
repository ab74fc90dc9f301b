"""The pool's triggers at the points of sign-up and sign-in: what they are asked, and what their answers mean here."""

from collections.abc import Mapping
from dataclasses import replace

from authserver.accounts.sign_up import Decision
from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.triggers import Triggers
from authserver.triggers.answers import TokenAmendment
from authserver.triggers.federation_points import PROVIDER_TYPES, InboundFederation
from authserver.triggers.points import (
    PostAuthentication,
    PostConfirmation,
    PreAuthentication,
    PreSignUp,
)
from authserver.triggers.token_points import GroupConfiguration, PreTokenGeneration
from authserver.triggers.user_attributes import attributes_of
from federation.model import ExternalIdentity, IdentityProvider

CLIENT_CREDENTIALS = "ClientCredentials"


class Hooks:
    """Asks triggers. Each method does nothing where the pool has none; may raise Vetoed or TriggerFailed."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers

    async def pre_sign_up(self, pool: Pool, user: User, client_id: str | None) -> Decision:
        """Before somebody's account is made."""
        answer = await self._triggers.call(
            pool, PreSignUp("SignUp", attributes_of(user)), username=user.username, client_id=client_id
        )
        if answer is None:
            return Decision()
        return Decision(answer.auto_confirm_user, answer.auto_verify_email, answer.auto_verify_phone)

    async def pre_sign_up_external(self, pool: Pool, user: User, client_id: str | None) -> User:
        """Before an account is made for somebody who comes from another provider; the user as it shall be."""
        request = PreSignUp("ExternalProvider", attributes_of(user))
        answer = await self._triggers.call(pool, request, username=user.username, client_id=client_id)
        if answer is None:
            return user
        return replace(
            user,
            email_verified=user.email_verified or (answer.auto_verify_email and user.email is not None),
            phone_number_verified=user.phone_number_verified
            or (answer.auto_verify_phone and user.phone_number is not None),
        )

    async def inbound(
        self, pool: Pool, provider: IdentityProvider, identity: ExternalIdentity, client_id: str | None
    ) -> Mapping[str, str] | None:
        """What to take from an identity in place of what was mapped; None leaves that to the mapping."""
        if pool.trigger("inbound_federation") is None:
            return None
        request = InboundFederation(provider.name, PROVIDER_TYPES.get(provider.type, "OIDC"), identity.sources)
        username = f"{provider.name}_{identity.subject}"
        answer = await self._triggers.call(pool, request, username=username, client_id=client_id)
        return answer.attributes or None if answer is not None else None

    async def pre_sign_up_by_operator(self, pool: Pool, user: User) -> None:
        """Before an operator creates a user. As in Cognito the answer can only refuse."""
        request = PreSignUp("AdminCreateUser", attributes_of(user))
        await self._triggers.call(pool, request, username=user.username)

    async def post_confirmation(self, pool: Pool, user: User, client_id: str | None) -> None:
        """After an account was confirmed."""
        await self._triggers.call(
            pool,
            PostConfirmation("ConfirmSignUp", attributes_of(user)),
            username=user.username,
            user_id=user.id,
            client_id=client_id,
        )

    async def pre_authentication(self, pool: Pool, user: User | None, client_id: str | None) -> None:
        """Before the first factor is judged, whichever it is."""
        if pool.trigger("pre_authentication") is None:
            return
        await self._triggers.call(
            pool,
            PreAuthentication(attributes_of(user) if user is not None else {}, user_not_found=user is None),
            username=user.username if user is not None else "",
            user_id=user.id if user is not None else None,
            client_id=client_id,
        )

    async def post_authentication(self, pool: Pool, user: User, client_id: str, new_device: bool) -> None:
        """Before the session opens."""
        await self._triggers.call(
            pool,
            PostAuthentication(attributes_of(user), new_device_used=new_device),
            username=user.username,
            user_id=user.id,
            client_id=client_id,
        )

    async def before_tokens(
        self, pool: Pool, user: User | None, client: Client, scope: tuple[str, ...], source: str
    ) -> TokenAmendment | None:
        """Between judging and spending (DESIGN 6.1), so that a time-out burns nothing."""
        if pool.trigger("pre_token_generation") is None:
            return None
        groups = None
        if user is not None:
            roles = tuple(g.role for name in user.groups for g in pool.groups if g.name == name and g.role)
            groups = GroupConfiguration(user.groups, roles, roles[0] if roles else None)
        return await self._triggers.call(
            pool,
            PreTokenGeneration(
                source,  # type: ignore[arg-type]  # the callers' literals
                attributes_of(user) if user is not None else {},
                groups,
                scope,
            ),
            username=user.username if user is not None else CLIENT_CREDENTIALS,
            user_id=user.id if user is not None else None,
            client_id=client.client_id,
        )
