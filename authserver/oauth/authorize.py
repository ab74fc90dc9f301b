"""The authorization endpoint (RFC 6749 3.1, OpenID Connect Core 3.1.2): judges the request and starts a sign-in."""

from dataclasses import replace
from urllib.parse import urlencode

from authserver.browser import browser_cookie
from authserver.crypto.secrets import digest
from authserver.errors import ProtocolRefusal
from authserver.model.clients import POOL, Client
from authserver.model.sessions import AuthorizationRequest
from authserver.oauth.engine import Facts, judge_authorization, prove_redirect_uri, refuse_repeated
from authserver.oauth.requests import READ, check_supported, read_request, requested_scope
from authserver.services import Services
from authserver.signin.responses import response_uri
from authserver.signin.step_types import (
    Finish,
    Refuse,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Params, Request, redirect


async def authorize(services: Services, issuer: Issuer, request: Request) -> Answer:
    """GET: answer at once if nothing needs a page, else send the browser to the sign-in. Raises ProtocolRefusal."""
    # load
    params = request.query()
    pool = issuer.pool
    client = await services.registry.client(pool.id, params.get("client_id") or "")
    session = await services.sessions.find(pool, request.cookie(services.cookie_name(pool.id, "session")))
    browser, new_cookie = browser_cookie(services, pool.id, request)

    # judge: until the redirect URI is proven an error is shown here, afterwards it is the client's to hear of
    facts = Facts(client, known_scopes=issuer.known_scopes)
    redirect_uri = prove_redirect_uri(params, facts)
    if client is None:
        raise AssertionError("the engine passed a request without a client")
    now = int(services.clock())
    try:
        wanted = _judge(params, facts, client, issuer, redirect_uri, now)
        named = await _named_provider(services, issuer, client, params)
    except ProtocolRefusal as refusal:
        failed = _to_client(redirect_uri, params)
        return redirect(302, response_uri(failed, issuer.url, error=refusal.code, error_description=refusal.sentence))
    wanted = replace(wanted, identity_provider=named)
    hint = await _hinted_provider(services, issuer, client, params) if named is None else None
    situation = await services.sign_ins.start(pool, wanted, digest(browser), session, provider=hint)

    # spend, save and answer: a code or an error at once, or a page
    if isinstance(situation.step, Finish | Refuse):
        return redirect(302, await services.sign_ins.conclude(pool, issuer.url, situation, kept=False))
    await services.sign_ins.keep(situation.sign_in, request.address)
    page = f"{issuer.url}/login?{urlencode({'signin': situation.sign_in.id})}"
    return redirect(302, page, *new_cookie)


async def authorize_post(_services: Services, issuer: Issuer, request: Request) -> Answer:
    """POST: the same request as a form (Core 3.1.2.1), sent on as GET.

    A form that another site posts comes without our Lax cookies; the GET that follows has them.
    """
    form = await request.form()
    return redirect(303, f"{issuer.url}/oauth2/authorize?{urlencode(form.pairs())}")


def _judge(
    params: Params, facts: Facts, client: Client, issuer: Issuer, redirect_uri: str, now: int
) -> AuthorizationRequest:
    refuse_repeated(params)
    check_supported(params)
    scope = requested_scope(params, client, issuer.pool)
    params.values["scope"] = " ".join(scope)
    judge_authorization(params, facts)
    # In one spelling, so that a page may link to it; and what we do not read, nobody may have us store.
    query = urlencode([(name, value) for name, value in params.pairs() if name in READ])
    return read_request(
        params, client=client, issuer=issuer, scope=scope, redirect_uri=redirect_uri, query=query, now=now
    )


async def _named_provider(services: Services, issuer: Issuer, client: Client, params: Params) -> str | None:
    """Who is to sign the person in, if the request says so: `identity_provider` by name, `idp_identifier` by another one
    (the parameters of Cognito's endpoint). Raises ProtocolRefusal.
    """
    pool, name, identifier = issuer.pool.id, params.get("identity_provider"), params.get("idp_identifier")
    if name is not None:
        if name in {POOL, "COGNITO"} and client.signs_in_by(POOL):
            return POOL
        found = await services.choices.usable(pool, client, name)
        if found is None:
            raise ProtocolRefusal("invalid_request", "There is no such identity_provider here.")
        return found.name
    if identifier is not None:
        by_identifier = await services.choices.of_identifier(pool, client, identifier)
        if by_identifier is None:
            raise ProtocolRefusal("invalid_request", "No identity provider has this idp_identifier.")
        return by_identifier
    return None


async def _hinted_provider(services: Services, issuer: Issuer, client: Client, params: Params) -> str | None:
    """Where the person is probably to be sent: to the only provider that the client takes, to that of `domain_hint`, or of
    the domain of `login_hint`.
    """
    pool = issuer.pool.id
    only = await services.choices.only_one(pool, client)
    if only is not None:
        return only
    if (domain := params.get("domain_hint")) is not None:
        return await services.choices.of_domain(pool, client, f"anyone@{domain}")
    if (login_hint := params.get("login_hint")) is not None:
        return await services.choices.of_domain(pool, client, login_hint)
    return None


def _to_client(redirect_uri: str, params: Params) -> AuthorizationRequest:
    """As much of a failed request as its error response needs. A repeated `state` is nobody's."""
    state = params.get("state") if "state" not in params.repeated else None
    return AuthorizationRequest(
        client_id=params.get("client_id") or "",
        redirect_uri=redirect_uri,
        redirect_uri_sent=True,
        scope=(),
        query="",
        state=state,
    )
