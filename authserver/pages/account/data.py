"""The person's data: everything we hold as a file, and the end of the account."""

import orjson

from authserver.audit.history import history
from authserver.errors import Refusal
from authserver.events import Event
from authserver.model.users import fold
from authserver.pages.account.room import Outcome, To
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.step_views import account_of
from authserver.pages.views import DataSection, DeleteAccount, View
from authserver.web import NO_STORE, Answer, Params, clear_cookie, redirect

DELETE = "/account/delete"
_MOST_ACTIVITY = 1000


async def show(visit: Visit, _refusal: Refusal | None, _form: Params) -> View:
    """The section."""
    return DataSection(frame=visit.frame("data"), delete_days=visit.pool.account.delete_days)


async def take(visit: Visit, form: Params) -> Outcome:
    """The forms of the section."""
    match form.get("step"):
        case "export":
            return await _export(visit)
        case "delete" if visit.pool.account.delete_days is not None:
            return To(DELETE)
        case "keep" if visit.user.delete_after is not None:
            await visit.services.closing.cancel(visit.pool, visit.user)
            return To(PATHS["data"], "deletion_cancelled")
        case _:
            return To(PATHS["data"])


async def _export(visit: Visit) -> Answer:
    """All that is kept of the person, as JSON; digests and sealed secrets are nobody's reading."""
    stores, pool, user = visit.services.stores, visit.pool.id, visit.user
    data = {
        "user": {
            "sub": user.id,
            "username": user.username,
            "email": user.email,
            "email_verified": user.email_verified,
            "phone_number": user.phone_number,
            "phone_number_verified": user.phone_number_verified,
            "attributes": user.attributes,
            "groups": user.groups,
            "state": user.state,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
            "accepted_terms_at": user.accepted_terms_at,
        },
        "factors": [
            {"kind": c.kind, "name": c.name, "created_at": c.created_at, "last_used_at": c.last_used_at}
            for c in await stores.credentials.credentials(pool, user.id)
        ],
        "devices": [
            {
                "user_agent": d.user_agent,
                "network": d.network,
                "place": d.place,
                "first_seen": d.first_seen,
                "last_seen": d.last_seen,
                "remembered_until": d.remembered_until,
            }
            for d in await stores.credentials.devices(pool, user.id)
        ],
        "sessions": [
            {"created_at": s.created_at, "last_seen": s.last_seen, "address": s.address, "clients": s.clients}
            for s in await visit.services.sessions.of_user(visit.pool, user.id)
        ],
        "consents": [
            {"client_id": c.client_id, "scope": c.scope, "updated_at": c.updated_at}
            for c in await stores.grants.consents(pool, user.id)
        ],
        "activity": [
            {"kind": e.kind, "at": e.at, "outcome": e.outcome, "address": e.address, "client_id": e.client_id}
            for e in await history(stores.journal, pool, user.id, _MOST_ACTIVITY)
        ],
    }
    visit.services.emit(Event("user.exported", pool, user.id, None, visit.request.address))
    return Answer(
        200,
        [
            (b"content-type", b"application/json"),
            (b"content-disposition", b'attachment; filename="account.json"'),
            (b"x-content-type-options", b"nosniff"),
            *NO_STORE,
        ],
        orjson.dumps(data, option=orjson.OPT_INDENT_2, default=list),
    )


async def show_deletion(visit: Visit, refusal: Refusal | None, form: Params) -> View | To:
    """Really? The person types the user name."""
    days = visit.pool.account.delete_days
    if days is None:
        return To(PATHS["data"])
    typed = (form.get("username") or "")[:320]
    return DeleteAccount(
        account=account_of(visit.user),
        username=_name(visit),
        days=days,
        typed=typed,
        fault=None if form.get("step") is None or refusal is not None else "empty" if not typed else "mismatch",
        cancel_url=visit.url(PATHS["data"]),
    )


async def take_deletion(visit: Visit, form: Params) -> Outcome:
    """The account goes after the days of grace, and every session now."""
    if form.get("step") != "delete_account" or not _same_name(form.get("username") or "", _name(visit)):
        return await show_deletion(visit, None, form)
    await visit.services.closing.plan(visit.pool, visit.user)
    cookie = visit.services.cookie_name(visit.pool.id, "session")
    return redirect(303, visit.url("/account/deleted"), clear_cookie(cookie, secure=visit.services.secure))


def _same_name(typed: str, name: str) -> bool:
    """Whether what was typed is the name as the page shows it: on one line, without what cannot be seen."""
    return fold(" ".join(typed.split())) == fold(" ".join(name.split()))


def _name(visit: Visit) -> str:
    """What the person knows the account by."""
    return visit.user.username if visit.user.username != visit.user.id else visit.user.email or visit.user.id
