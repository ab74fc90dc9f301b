"""Sign-in and security: the password, passkeys and other factors, backup codes, remembered devices."""

from dataclasses import replace

from authserver.crypto.secrets import b64url
from authserver.errors import Refusal
from authserver.events import Event
from authserver.messages.masking import mask
from authserver.model.credentials import Credential
from authserver.pages.account.room import Outcome, To
from authserver.pages.account.sessions import browser_of
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.views import (
    BackupLine,
    FactorLine,
    Method,
    PasskeyLine,
    RememberedLine,
    SecuritySection,
    View,
)
from authserver.signin.factors.backup_codes import COUNT
from authserver.signin.factors.names import LONGEST_NAME
from authserver.signin.factors.relying_party import RelyingParty
from authserver.signin.factors.summary import summarize
from authserver.web import Params

PASSWORD = "/account/password"
FACTOR = "/account/factor"
REMOVE = "/account/remove"
CODES = "/account/codes"
RENAME = "/account/rename"
ENROLLING = "enrolling"
"""The session's task that holds a set-up: the kind, a space, and its state."""


async def show(visit: Visit, _refusal: Refusal | None, _form: Params) -> View:
    """The section."""
    stores, pool, user = visit.services.stores, visit.pool, visit.user
    credentials = await stores.credentials.credentials(pool.id, user.id)
    left = await stores.credentials.backup_codes_left(pool.id, user.id)
    password = await stores.directory.password(pool.id, user.id)
    summary = summarize(pool, user, credentials, left)
    passkeys = [c for c in credentials if c.kind == "passkey"]
    has_passkeys = "passkey" in pool.mfa.factors or "passkey" in pool.mfa.first_factors
    addable = [Method(kind=kind, hint=_hint(visit, kind)) for kind in summary.enrollable if kind != "passkey"]
    return SecuritySection(
        frame=visit.frame("security"),
        has_password=password is not None,
        password_changed_at=password.set_at if password is not None else None,
        can_change_password=await visit.services.linked_logins.may_have_password(pool, user),
        passkeys=tuple(_passkey(c) for c in passkeys) if has_passkeys else None,
        factors=tuple(_factor(visit, c) for c in credentials if c.kind != "passkey"),
        addable=tuple(addable),
        backup=BackupLine(left=left, total=COUNT) if left else None,
        remembered=await _remembered(visit) if pool.session.remember_device_days else None,
        required=pool.mfa.mode == "required",
        rp_id=RelyingParty.of(visit.services.base_url).id if has_passkeys else "",
        user_handle=b64url(user.id.encode()) if has_passkeys else "",
        passkey_ids=tuple(c.handle for c in passkeys if c.handle is not None),
    )


async def take(visit: Visit, form: Params) -> Outcome:
    """The forms of the section; what matters leads to a task of its own."""
    services, pool, user = visit.services, visit.pool, visit.user
    ident = (form.get("id") or "")[:64]
    here = PATHS["security"]
    match form.get("step"):
        case "change_password":
            return To(PASSWORD)
        case "add_passkey":
            return To(FACTOR, query=(("kind", "passkey"),))
        case "add_factor" if form.get("method") == "backup_codes":
            return To(CODES)
        case "add_factor":
            return To(FACTOR, query=(("kind", (form.get("method") or "")[:20]),))
        case "rename_passkey":
            name = form.get("name") or ""
            if not name.strip() or len(name) > LONGEST_NAME:
                return To(RENAME, query=(("id", ident),))  # where there is room to say what a name is
            await services.enrolled.rename(pool, user, ident, name)
            return To(here, "passkey_renamed")
        case "remove_factor":
            return To(REMOVE, query=(("id", ident),))
        case "new_backup_codes":
            return To(CODES)
        case "forget_device":
            device = await services.stores.credentials.device(pool.id, user.id, ident)
            if device is not None:
                await services.stores.credentials.put_device(pool.id, replace(device, remembered_until=0))
                services.emit(Event("device.forgotten", pool.id, user.id, None, visit.request.address))
            return To(here, "device_forgotten")
        case "forget_devices":
            for device in await services.stores.credentials.devices(pool.id, user.id):
                if device.remembered_until:
                    await services.stores.credentials.put_device(pool.id, replace(device, remembered_until=0))
            services.emit(Event("device.forgotten", pool.id, user.id, None, visit.request.address, {"all": True}))
            return To(here, "devices_forgotten")
        case _:
            return To(here)


def _passkey(credential: Credential) -> PasskeyLine:
    return PasskeyLine(
        id=credential.id,
        name=credential.name,
        created_at=credential.created_at,
        last_used_at=credential.last_used_at,
        synced=bool(credential.public.get("backed_up")),
    )


def _factor(visit: Visit, credential: Credential) -> FactorLine:
    return FactorLine(
        kind=credential.kind,
        id=credential.id,
        name=credential.name,
        hint=_hint(visit, credential.kind),
        created_at=credential.created_at,
        last_used_at=credential.last_used_at,
    )


def _hint(visit: Visit, kind: str) -> str:
    if kind == "email_code" and visit.user.email is not None:
        return mask(visit.user.email, "email")
    if kind == "sms_code" and visit.user.phone_number is not None:
        return mask(visit.user.phone_number, "sms")
    return ""


async def _remembered(visit: Visit) -> tuple[RememberedLine, ...]:
    devices = await visit.services.stores.credentials.devices(visit.pool.id, visit.user.id)
    return tuple(
        RememberedLine(
            id=device.id,
            browser=browser_of(device.user_agent, device.place, device.network),
            until=device.remembered_until,
            current=device.id == visit.origin.device,
        )
        for device in devices
        if device.remembered_until > visit.now
    )
