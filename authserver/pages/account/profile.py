"""The profile: attributes by the pool's schema, language, email address and phone number."""

from authserver.errors import CodeExpired, Invalid, Refusal, Throttled, WrongCode
from authserver.pages.account.room import Outcome, To
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.faults import code_fault, resend_of
from authserver.pages.fields import field_views
from authserver.pages.views import (
    AddressView,
    ChangeAddressStep,
    ConfirmAddressStep,
    FieldView,
    ProfileSection,
    View,
)
from authserver.rules.fields import Field, profile_fields
from authserver.web import Params

ADDRESS = "/account/address"
_KINDS = {"email": "email", "phone_number": "phone_number", "phone": "phone_number"}


async def show(visit: Visit, refusal: Refusal | None, form: Params) -> View:
    """The section."""
    fields = [field for field in profile_fields(visit.pool) if field.name != "locale"]

    def value_of(field: Field) -> str:
        if refusal is None or field.fixed:
            return _text(visit.user.attributes.get(field.name))
        return form.get(field.name) or ""

    return ProfileSection(
        frame=visit.frame("profile"),
        fields=(*field_views(fields, refusal, value_of), _language(visit)),
        username=visit.user.username if visit.user.username != visit.user.id else "",
        email=await _address(visit, "email"),
        phone_number=await _address(visit, "phone_number"),
    )


async def take(visit: Visit, form: Params) -> Outcome:
    """The forms of the section."""
    field = _KINDS.get(form.get("address") or "")
    match form.get("step"):
        case "save_profile":
            await visit.services.profile.save(visit.pool, visit.user, form.values)
            locale = form.get("locale")
            query = (("lang", locale),) if locale in visit.pool.languages and locale is not None else ()
            return To(PATHS["profile"], "profile_saved", query=query)
        case "change_address" | "verify_address" if field is not None:
            return To(ADDRESS, query=(("kind", field),))
        case "cancel_change" if field is not None:
            await visit.services.sessions.keep_task(visit.pool, visit.session, field, None)
            return To(PATHS["profile"], "change_cancelled")
        case _:
            return To(PATHS["profile"])


async def show_address(visit: Visit, refusal: Refusal | None, form: Params) -> View | To:
    """The task that changes an address: first the new one, then the code that was sent to it."""
    field = _KINDS.get(visit.query.get("kind") or "")
    if field is None:
        return To(PATHS["profile"])
    retry_after = refusal.retry_after if isinstance(refusal, Throttled) else None
    cancel_url = visit.url(PATHS["profile"])
    medium = "email" if field == "email" else "sms"
    handle = visit.session.tasks.get(field)
    sent = await visit.services.codes.peek(visit.pool, handle) if handle is not None else None
    if sent is not None and form.get("step") != "new_address" and visit.query.get("again") is None:
        return ConfirmAddressStep(
            medium=sent.medium,
            target=sent.value or sent.target,
            purpose="change",
            fault=code_fault(refusal),
            tries_left=refusal.tries_left if isinstance(refusal, WrongCode) else None,
            retry_after=retry_after,
            resend=resend_of(sent, visit.now),
            can_change=True,
            cancel_url=cancel_url,
        )
    fault = "throttled" if isinstance(refusal, Throttled) else "expired" if isinstance(refusal, CodeExpired) else None
    if isinstance(refusal, Invalid):
        fault = refusal.field if refusal.field in {"empty", "invalid", "unchanged"} else "invalid"
    current = getattr(visit.user, field) or ""
    return ChangeAddressStep(
        medium="email" if medium == "email" else "sms",
        purpose="change" if current else "add",
        current=current,
        value=(form.get(field) or "")[:320],
        fault=fault if fault != "expired" else None,  # type: ignore[arg-type]  # the literals above
        retry_after=retry_after,
        cancel_url=cancel_url,
    )


async def take_address(visit: Visit, form: Params) -> Outcome:
    """The forms of the task. Raises Invalid, WrongCode, CodeExpired, Throttled, Conflict."""
    field = _KINDS.get(visit.query.get("kind") or "")
    if field is None:
        return To(PATHS["profile"])
    services, pool, sid = visit.services, visit.pool, visit.session.sid
    here = To(ADDRESS, query=(("kind", field),))
    handle = visit.session.tasks.get(field)
    match form.get("step"):
        case "new_address":
            sent = await services.profile.begin_address(
                pool, visit.user, field, form.get(field) or "", binding=sid, language=visit.origin.language
            )
            await services.sessions.keep_task(pool, visit.session, field, sent.handle)
            return here
        case "resend" if handle is not None:
            before = await services.codes.peek(pool, handle)
            if before is not None:
                sent = await services.profile.begin_address(
                    pool,
                    visit.user,
                    field,
                    before.value or before.target,
                    binding=sid,
                    language=visit.origin.language,
                )
                await services.sessions.keep_task(pool, visit.session, field, sent.handle)
            return here
        case "change_address":
            await services.sessions.keep_task(pool, visit.session, field, None)
            return here
        case "confirm" if handle is not None:
            await services.profile.finish_address(pool, visit.user, field, handle, form.get("code") or "", binding=sid)
            await services.sessions.keep_task(pool, visit.session, field, None)
            return To(PATHS["profile"], "address_changed")
        case _:
            return here


async def _address(visit: Visit, field: str) -> AddressView | None:
    handle = visit.session.tasks.get(field)
    sent = await visit.services.codes.peek(visit.pool, handle) if handle is not None else None
    return AddressView(
        value=getattr(visit.user, field) or "",
        verified=getattr(visit.user, f"{field}_verified"),
        pending=(sent.value or sent.target) if sent is not None else "",
        editable=_editable(visit, field),
    )


def _editable(visit: Visit, field: str) -> bool:
    definition = next((d for d in visit.pool.attributes if d.name == field), None)
    return definition is None or (definition.self_editable and (definition.mutable or not getattr(visit.user, field)))


def _language(visit: Visit) -> FieldView:
    names = visit.services.language_names(visit.pool)
    chosen = visit.user.locale or ""
    value = next((tag for tag, _ in names if tag == chosen or chosen.startswith(f"{tag}-")), visit.origin.language)
    return FieldView(name="locale", kind="select", value=value, options=names)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else ""
    return "" if value is None else str(value)
