"""Apps and consents: what may use the account, and the end of it."""

from authserver.errors import Refusal
from authserver.events import Event
from authserver.model.grants import Grant
from authserver.pages.account.room import Outcome, To
from authserver.pages.account.sessions import revoke_grants
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.views import AppsSection, ClientMark, ConsentLine, View, scope_groups
from authserver.web import Params


async def show(visit: Visit, _refusal: Refusal | None, _form: Params) -> View:
    """The section: every client with a consent or a grant that lives."""
    grants = visit.services.stores.grants
    consents = {c.client_id: c for c in await grants.consents(visit.pool.id, visit.user.id)}
    live: dict[str, list[Grant]] = {}
    for grant in await grants.grants_of_user(visit.pool.id, visit.user.id):
        live.setdefault(grant.client_id, []).append(grant)
    lines = []
    for client_id in {**consents, **live}:
        client = await visit.services.registry.client(visit.pool.id, client_id)
        if client is None:
            continue
        own = live.get(client_id, [])
        allowed = consents[client_id].scope if client_id in consents else ()
        scope = tuple(dict.fromkeys((*allowed, *(s for grant in own for s in grant.scope))))
        times = [g.created_at for g in own] or [consents[client_id].updated_at]
        lines.append(
            ConsentLine(
                id=client_id,
                client=ClientMark.of(client),
                groups=scope_groups(visit.pool, scope),
                first_at=min(times),
                last_at=max(times) if own else None,
            )
        )
    lines.sort(key=lambda line: -(line.last_at or line.first_at))
    return AppsSection(frame=visit.frame("apps"), consents=tuple(lines))


async def take(visit: Visit, form: Params) -> Outcome:
    """The form of the section: the client may do nothing any more, and asks anew."""
    client_id = form.get("id") or ""
    if form.get("step") != "revoke" or not client_id:
        return To(PATHS["apps"])
    forgotten = await visit.services.stores.grants.delete_consent(visit.pool.id, visit.user.id, client_id)
    revoked = await revoke_grants(visit, client_id)
    if not forgotten and not revoked:
        return To(PATHS["apps"], "nothing_changed")
    visit.services.emit(
        Event("consent.revoked", visit.pool.id, visit.user.id, client_id, visit.request.address, {"grants": revoked})
    )
    return To(PATHS["apps"], "consent_revoked")
