"""Linked logins: accounts elsewhere that sign the person in here."""

from authserver.accounts.linked_logins import LastWayIn
from authserver.broker.service import Wish
from authserver.browser import known_browser
from authserver.crypto.secrets import digest
from authserver.errors import Refusal
from authserver.pages.account.room import Away, Outcome, To
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.sign_in import leaving_headers, leaving_view
from authserver.pages.step_views import provider_view
from authserver.pages.views import IdentitiesSection, IdentityLine, Provider, Unlink, View
from authserver.signin.situations import account_client
from authserver.web import Params
from federation.errors import FederationError

HERE = PATHS["identities"]
UNLINK = f"{HERE}/unlink"
_LONGEST_NAME = 32


async def show(visit: Visit, _refusal: Refusal | None, _form: Params) -> View:
    """The section."""
    services, pool = visit.services, visit.pool
    linked = await services.linked_logins.of(pool, visit.user)
    removable = await services.linked_logins.removable(pool, visit.user, linked)
    lines = []
    for one in linked:
        provider = await services.registry.provider(pool.id, one.provider)
        shown = provider_view(provider) if provider is not None else Provider(name=one.provider, label=one.provider)
        lines.append(
            IdentityLine(
                id=one.provider,
                provider=shown,
                name=one.name,
                linked_at=one.linked_at,
                last_used_at=one.used_at,
                removable=removable,
            )
        )
    have = {one.provider for one in linked}
    may_add = await services.linked_logins.may_add_way(pool, visit.user)
    offered = await services.choices.offered(pool.id, account_client(pool)) if may_add else ()
    more = tuple(provider_view(provider) for provider in offered if provider.name not in have)
    return IdentitiesSection(frame=visit.frame("identities"), identities=tuple(lines), providers=more)


async def take(visit: Visit, form: Params) -> Outcome:
    """The forms of the section: unlinking leads to a question, linking to the provider."""
    services, pool = visit.services, visit.pool
    match form.get("step"):
        case "unlink":
            return To(UNLINK, query=(("id", (form.get("id") or "")[:_LONGEST_NAME]),))
        case "provider":
            provider = await services.choices.usable(pool.id, account_client(pool), form.get("provider") or "")
            browser = known_browser(services, pool.id, visit.request)
            may_add = await services.linked_logins.may_add_way(pool, visit.user)
            if provider is None or browser is None or not may_add:
                return To(HERE, "nothing_changed")
            wish = Wish(ui_locales=(services.language_of(services, visit.issuer, visit.request),))
            try:
                outgoing = await services.broker.depart(
                    visit.issuer, provider, "link", visit.user.id, digest(browser), wish
                )
            except FederationError:
                return To(HERE, "identity_failed")
            view = await leaving_view(services, visit.issuer, provider.name, outgoing)
            return Away(view, outgoing.url, tuple(leaving_headers(outgoing)))
        case _:
            return To(HERE)


async def show_unlinking(visit: Visit, _refusal: Refusal | None, _form: Params) -> View | To:
    """Really?"""
    services, pool = visit.services, visit.pool
    name = visit.query.get("id") or ""
    linked = {one.provider: one for one in await services.linked_logins.of(pool, visit.user)}
    if name not in linked:
        return To(HERE, "nothing_changed")
    provider = await services.registry.provider(pool.id, name)
    shown = provider_view(provider) if provider is not None else Provider(name=name, label=name)
    return Unlink(provider=shown, name=linked[name].name, cancel_url=visit.url(HERE))


async def take_unlinking(visit: Visit, form: Params) -> Outcome:
    """It is unlinked, unless it is the last way in. Raises NotFound."""
    if form.get("step") != "unlink":
        return To(HERE)
    try:
        await visit.services.linked_logins.unlink(visit.pool, visit.user, visit.query.get("id") or "")
    except LastWayIn:
        return To(HERE, "last_way_in")
    return To(HERE, "identity_unlinked")
