"""Whose an identity is. Pure: facts in, a decision out; the host looks up and carries out.

The rules keep accounts from being taken over (security reference W16, W25): an address alone joins nothing, and what a
provider says of an address counts only for domains that are that provider's.
"""

from dataclasses import dataclass

from federation.mapping import domain_of
from federation.model import ExternalIdentity, IdentityProvider, LinkingPolicy

MOST_LINKS = 5
"""Identities that a user may have, as in Cognito."""


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """A user of the pool, as far as the decision goes.

    Attributes:
        email: the address, if it is verified.
        links: how many identities the user has.
        has_this_provider: whether one is of the provider in question.
        vouched: whether every identity is of a provider that speaks for the address, or that is no more. Somebody else may
            have come by any other, and lie in wait for whoever the address belongs to.
    """

    user_id: str
    email: str | None = None
    links: int = 0
    has_this_provider: bool = False
    vouched: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision depends on.

    Attributes:
        policy: the provider's, or the pool's.
        linked: the user who has this very identity.
        wanted_by: the user who is signed in and asked to add it; None in a sign-in.
        owner: whose verified address is the identity's address.
        trusted_domains: domains for which a provider of this kind speaks by its nature (`Kind.speaks_for`).
    """

    provider: IdentityProvider
    identity: ExternalIdentity
    policy: LinkingPolicy
    linked: str | None = None
    wanted_by: LocalAccount | None = None
    owner: LocalAccount | None = None
    trusted_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """It is this user."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Link:
    """It becomes this user's, now."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """It becomes this user's once the user has proven the account."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Create:
    """It is somebody new. `with_address`: the address is free to be the new user's verified one."""

    with_address: bool = True


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody comes in: "linked_elsewhere", "too_many_links", "provider_twice", or "not_known" where the provider creates
    nobody.
    """

    reason: str


Decision = Use | Link | Ask | Create | Refuse


def decide(facts: Facts) -> Decision:
    """Whose the identity is, or shall be."""
    if facts.wanted_by is not None:
        return _added(facts, facts.wanted_by)
    if facts.linked is not None:
        return Use(facts.linked)
    owner = facts.owner
    if owner is None or facts.policy == "never" or facts.identity.claims.get("email_verified") is False:
        # A provider that says itself that the address is not proven gives no reason to speak of somebody's account.
        return Create(with_address=owner is None) if facts.provider.creates else Refuse("not_known")
    if (refused := _full(owner)) is not None:
        return refused
    sure = owner.vouched and _is_same(owner.email, facts.identity.email)
    if facts.policy == "verified_email" and sure and vouches(facts.provider, facts.identity, facts.trusted_domains):
        return Link(owner.user_id)
    return Ask(owner.user_id)


def _is_same(ours: str | None, theirs: str | None) -> bool:
    """Whether the owner was found by the very address that the provider speaks of, and not by one of another claim, or one
    that only looks the same (W16): beyond ASCII, what is one mailbox is not ours to say.
    """
    if ours is None or theirs is None:
        return False
    return ours == theirs or (ours.isascii() and theirs.isascii() and ours.lower() == theirs.lower())


def _added(facts: Facts, wanted_by: LocalAccount) -> Decision:
    if facts.linked is not None:
        return Use(facts.linked) if facts.linked == wanted_by.user_id else Refuse("linked_elsewhere")
    return _full(wanted_by) or Link(wanted_by.user_id)


def _full(account: LocalAccount) -> Refuse | None:
    if account.has_this_provider:
        return Refuse("provider_twice")
    return Refuse("too_many_links") if account.links >= MOST_LINKS else None


def vouches(provider: IdentityProvider, identity: ExternalIdentity, trusted_domains: tuple[str, ...] = ()) -> bool:
    """Whether the provider's word is enough to join its identity with the local account that has the same verified address:
    it says boolean true, and the address's domain is one for which it speaks (DESIGN 6.3).
    """
    domain = domain_of(identity.email or "")
    return bool(domain) and identity.email_verified and domain in {*provider.domains, *trusted_domains}
