"""Devices and sessions: where the person is signed in, with a way out of each."""

from authserver.errors import Refusal
from authserver.events import Event
from authserver.model.sessions import Session
from authserver.pages.account.room import Outcome, To
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.views import AppLine, Browser, ClientMark, SessionLine, SessionsSection, View
from authserver.protection.agents import describe
from authserver.signin.situations import ACCOUNT
from authserver.tokens.keyring import LONGEST_TOKEN
from authserver.web import Params


async def show(visit: Visit, _refusal: Refusal | None, _form: Params) -> View:
    """The section."""
    lines = []
    for session in await visit.services.sessions.of_user(visit.pool, visit.user.id):
        current = session.sid == visit.session.sid
        line = SessionLine(
            id=session.sid,
            browser=browser_of(session.user_agent, session.place, session.address),
            last_seen=session.last_seen,
            created_at=session.created_at,
            current=current,
            apps=await _apps(visit, session),
        )
        lines.append(line)
    lines.sort(key=lambda line: not line.current)
    return SessionsSection(frame=visit.frame("sessions"), sessions=tuple(lines))


async def take(visit: Visit, form: Params) -> Outcome:
    """The forms of the section."""
    services, pool = visit.services, visit.pool
    own = {s.sid: s for s in await services.sessions.of_user(pool, visit.user.id)}
    chosen = own.get(form.get("id") or "")
    match form.get("step"):
        case "end_session" if chosen is not None:
            await _end(visit, chosen)
            return To(PATHS["sessions"], "session_ended")
        case "end_others":
            for session in own.values():
                if session.sid != visit.session.sid:
                    await _end(visit, session)
            return To(PATHS["sessions"], "sessions_ended")
        case "end_app" if chosen is not None:
            client_id = form.get("client") or ""
            await revoke_grants(visit, client_id, sid=chosen.sid)
            await services.sessions.forget_client(pool, chosen, client_id)
            services.emit(Event("session.client_ended", pool.id, visit.user.id, client_id, visit.request.address))
            return To(PATHS["sessions"], "app_signed_out")
        case _:
            return To(PATHS["sessions"], "nothing_changed")


async def _end(visit: Visit, session: Session) -> None:
    await visit.services.sessions.end(visit.pool, session)
    visit.services.emit(Event("session.ended", visit.pool.id, visit.user.id, None, visit.request.address))


async def revoke_grants(visit: Visit, client_id: str, *, sid: str | None = None) -> int:
    """Revoke what the client holds of this person: of one session, or all of it. Returns how many grants that were."""
    grants = await visit.services.stores.grants.grants_of_user(visit.pool.id, visit.user.id)
    chosen = [g for g in grants if g.client_id == client_id and (sid is None or g.sid == sid)]
    for grant in chosen:
        await visit.services.revocations.revoke_grant(visit.pool.id, grant.id, LONGEST_TOKEN)
    return len(chosen)


async def _apps(visit: Visit, session: Session) -> tuple[AppLine, ...]:
    lines = []
    for client_id in session.clients:
        client = await visit.services.registry.client(visit.pool.id, client_id)
        if client is not None and client_id != ACCOUNT:
            lines.append(AppLine(id=client_id, client=ClientMark.of(client)))
    return tuple(lines)


def browser_of(user_agent: str, place: str = "", address: str = "") -> Browser:
    """A browser in words."""
    agent = describe(user_agent) if user_agent else None
    name = agent.words if agent is not None and (agent.browser or agent.system) else ""
    kind = "phone" if agent is not None and agent.icon == "phone" else "desktop"
    return Browser(name=name, kind="phone" if kind == "phone" else "desktop", place=place, address=address)
