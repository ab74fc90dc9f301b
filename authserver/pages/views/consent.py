"""Consent: what a client asks for, in words."""

from dataclasses import dataclass
from typing import ClassVar

from authserver.model.pools import Pool
from authserver.pages.views.parts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLine:
    """One scope asked for. `description` is what the pool says of it; built-in scopes have words of their own.

    `new` marks it among others that were allowed before.
    """

    name: str
    description: str = ""
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeGroup:
    """The scopes of one API, by its name; those about the account itself have `api` None."""

    api: str | None
    scopes: tuple[ScopeLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStep:
    """May this client do that? Form `consent` with the field `decision` ("approve" or "deny"), and `switch_account`.

    The context must name the client. `returns_to` is the host of the redirect URI, shown so that people see where the
    answer goes.
    """

    template: ClassVar[str] = "consent.html"

    account: Account
    groups: tuple[ScopeGroup, ...]
    returns_to: str | None = None


def scope_groups(pool: Pool, scope: tuple[str, ...], allowed_before: tuple[str, ...] = ()) -> tuple[ScopeGroup, ...]:
    """The scopes of a request as the consent page lists them: about the account first, then API by API.

    Args:
        pool: whose resource servers describe the custom scopes.
        scope: what is asked for, in its order.
        allowed_before: what the person allowed this client already; with nothing allowed, nothing is marked as new.
    """
    described = pool.scope_descriptions()
    apis = {name: server.name or server.identifier for server in pool.resource_servers for name in server.scope_names()}
    grouped: dict[str | None, list[ScopeLine]] = {None: []}
    for name in dict.fromkeys(scope):
        new = bool(allowed_before) and name not in allowed_before
        line = ScopeLine(name=name, description=described.get(name, ""), new=new)
        grouped.setdefault(apis.get(name), []).append(line)
    return tuple(ScopeGroup(api=api, scopes=tuple(lines)) for api, lines in grouped.items() if lines)
