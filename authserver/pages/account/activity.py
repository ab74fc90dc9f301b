"""Recent activity: what happened to the account, with a way to say "this wasn't me"."""

from authserver.accounts.notices import Disputed
from authserver.audit.history import history
from authserver.errors import Refusal
from authserver.pages.account.room import Outcome, To
from authserver.pages.account.sessions import browser_of
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.views import ActivityLine, ActivitySection, NotMe, View
from authserver.web import Params, clear_cookie, redirect

PAGE = 20
OBJECT = "/account/notMe"
_REPORTABLE = frozenset({"sign_in.succeeded", "password.changed", "password.reset", "factor.enrolled", "email.changed"})


async def show(visit: Visit, _refusal: Refusal | None, _form: Params) -> View:
    """The section, a page at a time."""
    before = visit.query.get("before") or ""
    at = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
    found = await history(
        visit.services.stores.journal, visit.pool.id, visit.user.id, PAGE + 1, at, device_of=lambda agent: agent
    )
    lines = []
    for entry in found[:PAGE]:
        client = await visit.services.registry.client(visit.pool.id, entry.client_id) if entry.client_id else None
        lines.append(
            ActivityLine(
                id=str(entry.seq),
                kind=entry.kind,
                at=entry.at,
                browser=browser_of(entry.device or "", entry.place or "", entry.address or "")
                if entry.device or entry.address
                else None,
                detail=client.client_name if client is not None else "",
                failed=entry.outcome == "failure",
                reportable=entry.kind in _REPORTABLE,
            )
        )
    older = visit.url(PATHS["activity"], before=str(found[PAGE - 1].seq)) if len(found) > PAGE else None
    newer = visit.url(PATHS["activity"]) if at is not None else None
    return ActivitySection(frame=visit.frame("activity"), lines=tuple(lines), older_url=older, newer_url=newer)


async def take(_visit: Visit, form: Params) -> Outcome:
    """The form of the section leads to a question."""
    if form.get("step") == "not_me":
        return To(OBJECT, query=(("id", form.get("id") or ""),))
    return To(PATHS["activity"])


async def show_objection(visit: Visit, _refusal: Refusal | None, _form: Params) -> View:
    """Really?"""
    disputed = await _disputed(visit)
    return NotMe(event=disputed.event, at=disputed.at or 0)


async def _disputed(visit: Visit) -> Disputed:
    """What the line tells that the person objects to; without one, the sign-ins that may be somebody else's."""
    number = visit.query.get("id") or ""
    seq = int(number) if number.isascii() and number.isdigit() and len(number) < 16 else None
    lines = await history(visit.services.stores.journal, visit.pool.id, visit.user.id, 1, seq + 1) if seq else []
    if not lines or lines[0].seq != seq or lines[0].kind not in _REPORTABLE:
        return Disputed(visit.user.id)
    return Disputed(visit.user.id, lines[0].kind, lines[0].at)


async def take_objection(visit: Visit, form: Params) -> Outcome:
    """Everything that is open ends, this session too, and the password must be replaced."""
    if form.get("step") != "not_me":
        return To(PATHS["activity"])
    await visit.services.objections.close(visit.pool, visit.user, await _disputed(visit))
    cookie = visit.services.cookie_name(visit.pool.id, "session")
    return redirect(303, visit.url("/account"), clear_cookie(cookie, secure=visit.services.secure))
