"""Tasks of the account page that matter: a new password, a factor set up or removed, new backup codes."""

from authserver.errors import CodeExpired, Invalid, Refusal, Throttled, WrongCredentials
from authserver.model.credentials import Credential
from authserver.pages.account.room import Outcome, To
from authserver.pages.account.security import CODES, ENROLLING, FACTOR
from authserver.pages.account.visit import PATHS, Visit
from authserver.pages.backup_codes import download
from authserver.pages.enrolling import set_up_view
from authserver.pages.new_passwords import new_password
from authserver.pages.views import (
    BackupCodes,
    ChangePassword,
    EnrolChoice,
    Method,
    RemoveFactor,
    RenamePasskey,
    ReplaceCodes,
    View,
)
from authserver.signin.factors.names import LONGEST_NAME
from authserver.signin.factors.summary import summarize
from authserver.web import Params, set_cookie

HERE = PATHS["security"]


async def show_password(visit: Visit, refusal: Refusal | None, _form: Params) -> View | To:
    """A new password. The old one is not asked for again: the sign-in is a few minutes old at most."""
    if not await visit.services.linked_logins.may_have_password(visit.pool, visit.user):
        return To(HERE, "nothing_changed")
    stored = await visit.services.stores.directory.password(visit.pool.id, visit.user.id)
    return ChangePassword(
        username=visit.user.username,
        password=new_password(visit.pool, refusal, unlike=(visit.user.username, visit.user.email or "")),
        ask_current=False,
        has_password=stored is not None,
        throttled=isinstance(refusal, Throttled),
        retry_after=refusal.retry_after if isinstance(refusal, Throttled) else None,
        cancel_url=visit.url(HERE),
    )


async def take_password(visit: Visit, form: Params) -> Outcome:
    """Everything that the old password opened ends; this browser gets a new session. Raises Invalid, WeakPassword."""
    services, pool = visit.services, visit.pool
    password = form.get("new_password") or ""
    if not await services.linked_logins.may_have_password(pool, visit.user):
        return To(HERE, "nothing_changed")
    if not password:
        raise Invalid("Enter a new password.", field="new_password")
    before = await services.stores.directory.password(pool.id, visit.user.id)
    await services.password_changes.change(pool, visit.user, password, services.watch.where(visit.origin))
    secret = await services.moving.reopen(pool, visit.session, visit.origin)
    cookie = set_cookie(services.cookie_name(pool.id, "session"), secret, secure=services.secure)
    return To(HERE, "password_changed" if before is not None else "password_set", headers=(cookie,))


async def show_factor(visit: Visit, refusal: Refusal | None, form: Params) -> View | To:
    """The set-up of a factor: begun with the first look at its page, and the same until it is finished or left."""
    services, pool, user = visit.services, visit.pool, visit.user
    kind = visit.query.get("kind") or ""
    summary = summarize(
        pool, user, await services.stores.credentials.credentials(pool.id, user.id), await _codes_left(visit)
    )
    choices = tuple(k for k in summary.enrollable if k != "backup_codes")
    if kind not in choices:
        return EnrolChoice(methods=tuple(Method(kind=k) for k in choices), cancel_url=visit.url(HERE))
    state = _state(visit, kind)
    if state is None or isinstance(refusal, CodeExpired):
        state = await _begin(visit, kind)
    try:
        shown = await services.enrolling.shown(pool, user, kind, state)
    except Invalid:  # it expired
        state = await _begin(visit, kind)
        shown = await services.enrolling.shown(pool, user, kind, state)
    return set_up_view(
        kind,
        shown,
        now=visit.now,
        others=len(choices) > 1,
        cancel_url=visit.url(HERE),
        refusal=refusal,
        form=form,
    )


async def take_factor(visit: Visit, form: Params) -> Outcome:
    """The forms of a set-up. Raises Invalid, Conflict, WrongCode, CodeExpired, Throttled."""
    services, pool, user = visit.services, visit.pool, visit.user
    kind, step = visit.query.get("kind") or "", form.get("step")
    state = _state(visit, kind)
    match step:
        case "download_codes":
            return download(form, pool.name)
        case "codes_saved":
            return To(HERE, "factor_added")
        case "enrol":
            return To(FACTOR, query=(("kind", (form.get("method") or "")[:20]),))
        case "choose_method" | "later":
            await services.sessions.keep_task(pool, visit.session, ENROLLING, None)
            return To(FACTOR if step == "choose_method" else HERE)
        case "resend":
            await _begin(visit, kind)
            return To(FACTOR, query=(("kind", kind),))
        case "enrol_totp" | "enrol_passkey" | "confirm" if state is not None:
            if kind == "passkey":  # its challenge may be answered once
                await services.sessions.keep_task(pool, visit.session, ENROLLING, None)
            answer = form.get("credential" if step == "enrol_passkey" else "code") or ""
            name = form.get("name") or ""
            await services.enrolling.finish(pool, user, kind, state, answer, name, binding=visit.session.sid)
            await services.sessions.keep_task(pool, visit.session, ENROLLING, None)
            codes = await services.enrolling.backup_codes_due(pool, user)
            if codes:
                return BackupCodes(codes=codes)
            return To(HERE, "passkey_added" if kind == "passkey" else "factor_added")
        case _:
            return To(FACTOR, query=(("kind", kind),))


async def show_removal(visit: Visit, _refusal: Refusal | None, _form: Params) -> View | To:
    """Really?"""
    credential, own = await _own(visit)
    if credential is None:
        return To(HERE, "nothing_changed")
    seconds = [c for c in own if c.kind in visit.pool.mfa.factors]
    return RemoveFactor(
        factor=Method(kind=credential.kind, hint=credential.name),
        last=seconds == [credential],
        cancel_url=visit.url(HERE),
    )


async def take_removal(visit: Visit, form: Params) -> Outcome:
    """Remove the factor, but never one that the pool demands, nor the last way in."""
    services, pool, user = visit.services, visit.pool, visit.user
    credential, own = await _own(visit)
    if credential is None or form.get("step") != "remove":
        return To(HERE, "nothing_changed")
    others = [c for c in own if c.id != credential.id]
    if pool.mfa.mode == "required" and not any(c.kind in pool.mfa.factors for c in others):
        return To(HERE, "last_factor")
    has_password = await services.stores.directory.password(pool.id, user.id) is not None
    sent = {"email_code": user.email_verified, "sms_code": user.phone_number_verified}
    other_way = any(sent.get(method, False) for method in pool.mfa.first_factors)
    by_provider = bool(await services.linked_logins.of(pool, user))
    if not has_password and not other_way and not by_provider and not any(c.kind == "passkey" for c in others):
        return To(HERE, "last_way_in")
    await services.enrolled.remove(pool, user, credential.id)
    await services.notices.factor_removed(pool, user, credential.kind)
    if not any(c.kind in pool.mfa.factors for c in others):
        await services.stores.credentials.put_backup_codes(pool.id, user.id, (), visit.now)
    return To(HERE, "passkey_removed" if credential.kind == "passkey" else "factor_removed")


async def show_name(visit: Visit, refusal: Refusal | None, form: Params) -> View | To:
    """Another name for a passkey."""
    credential, _ = await _own(visit)
    if credential is None:
        return To(HERE, "nothing_changed")
    typed = form.get("name")
    return RenamePasskey(
        name=(credential.name if typed is None else typed)[: 2 * LONGEST_NAME],
        fault=None if refusal is None else "too_long" if (typed or "").strip() else "empty",
        cancel_url=visit.url(HERE),
    )


async def take_name(visit: Visit, form: Params) -> Outcome:
    """The name. Raises Invalid."""
    credential, _ = await _own(visit)
    if credential is None or form.get("step") != "rename":
        return To(HERE, "nothing_changed")
    name = form.get("name") or ""
    if not name.strip():
        raise Invalid("Enter a name.", field="name")
    await visit.services.enrolled.rename(visit.pool, visit.user, credential.id, name)
    return To(HERE, "passkey_renamed")


async def show_codes(visit: Visit, _refusal: Refusal | None, _form: Params) -> View | To:
    """New backup codes in place of those that are left."""
    if "backup_codes" not in visit.pool.mfa.factors:
        return To(HERE)
    return ReplaceCodes(left=await _codes_left(visit), cancel_url=visit.url(HERE))


async def take_codes(visit: Visit, form: Params) -> Outcome:
    """The forms around backup codes."""
    if "backup_codes" not in visit.pool.mfa.factors:
        return To(HERE)
    match form.get("step"):
        case "replace_codes":
            left = await _codes_left(visit)
            codes = await visit.services.backup_codes.replace(visit.pool, visit.user)
            return BackupCodes(codes=tuple(codes), new="replaced" if left else "first")
        case "download_codes":
            return download(form, visit.pool.name)
        case "codes_saved":
            return To(HERE, "codes_replaced")
        case _:
            return To(CODES)


async def _codes_left(visit: Visit) -> int:
    return await visit.services.stores.credentials.backup_codes_left(visit.pool.id, visit.user.id)


async def _own(visit: Visit) -> tuple[Credential | None, list[Credential]]:
    own = await visit.services.stores.credentials.credentials(visit.pool.id, visit.user.id)
    wanted = visit.query.get("id") or ""
    return next((c for c in own if c.id == wanted), None), own


def _state(visit: Visit, kind: str) -> str | None:
    task_kind, _, state = visit.session.tasks.get(ENROLLING, "").partition(" ")
    return state if state and task_kind == kind else None


async def _begin(visit: Visit, kind: str) -> str:
    services = visit.services
    state = await services.enrolling.begin(
        visit.pool, visit.user, kind, binding=visit.session.sid, language=visit.origin.language
    )
    if not await services.sessions.keep_task(visit.pool, visit.session, ENROLLING, f"{kind} {state}"):
        raise WrongCredentials
    return state
