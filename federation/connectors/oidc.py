"""OpenID Connect: any provider by its issuer or its endpoints, by authorization code with PKCE and nonce (RFC 9700 2.1.1).

After the first login a further one costs two requests: the token endpoint, and UserInfo unless the ID token already has
everything that the pool maps.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from federation.connector import Check, EndedThere, Kind
from federation.connectors.calls import is_token, with_query, without_tokens
from federation.connectors.claims import joined, judged, lacks, wanted
from federation.connectors.client import SETTINGS, Client
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import Metadata, MetadataSource, metadata_of
from federation.connectors.exchange import Exchange, Granted
from federation.connectors.frame_logout import framing_pages, session_of_frame
from federation.connectors.jws import Keys, subject_of
from federation.connectors.logout_token import SessionEnded, verify_logout_token
from federation.connectors.pkce import challenge_of
from federation.connectors.returning import check_handoff, code_of, same
from federation.connectors.tokens import Tokens
from federation.errors import BadAnswer, Misconfigured, NotForUs, ProviderRefused
from federation.model import (
    Asked,
    Begun,
    Callback,
    ExternalIdentity,
    FormPost,
    Handoff,
    IdentityProvider,
    Redirect,
    UpstreamSession,
)
from federation.ports import Host

LONGEST_URL = 4096
"""Characters; a sign-out that needs more, for the sake of an ID token, goes by POST."""

MAPPING: Mapping[str, str] = {
    name: name for name in ("email", "name", "given_name", "family_name", "phone_number", "picture")
}


class OidcConnector:
    """One OpenID provider. Satisfies Connector, Refreshes, SignsOut, HearsSignOut, ReadsEncrypted and Examines.

    Args:
        mapping: what is mapped unless the pool says otherwise: it decides whether UserInfo must be asked.
        source: where the metadata come from.
    """

    def __init__(
        self,
        provider: IdentityProvider,
        host: Host,
        source: MetadataSource,
        *,
        dialect: Dialect | None = None,
        scope: tuple[str, ...] = ("openid", "profile", "email"),
        mapping: Mapping[str, str] = MAPPING,
    ) -> None:
        self._provider = provider
        self._host = host
        self._source = source
        self._dialect = dialect or Dialect()
        scopes = provider.scope or (*scope, *(("offline_access",) if provider.keep_refresh_token else ()))
        self._scope = " ".join(scopes if "openid" in scopes else ("openid", *scopes))
        self._wanted = wanted(provider, mapping, verified=self._dialect.keeps_verified)
        self._client = Client(provider, self._dialect, host)
        self._tokens = Tokens(host, self._client)
        self._exchange = Exchange(host, self._client, self._tokens)

    # ------------------------------------------------------------------------------------------------ a login

    async def begin(self, asked: Asked) -> Begun:
        """To the authorization endpoint (OpenID Connect Core 3.1.2.1). Raises Misconfigured, ProviderUnavailable."""
        self._client.check(asked.now)
        if asked.silent and not self._dialect.silent:
            raise ProviderRefused("login_required", "the provider cannot be asked without showing a page")
        metadata = await self._source.get(asked.now)
        dialect, nonce, verifier = self._dialect, self._host.random.token(), self._host.random.token()
        prompt = "none" if asked.silent else dialect.fresh_prompt if asked.fresh else self._provider.setting("prompt")
        max_age = (0 if asked.fresh else asked.max_age) if dialect.tells_auth_time else None
        parameters = {
            **dict(dialect.parameters),
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": asked.callback_url,
            "scope": self._scope,
            "state": asked.state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier) if dialect.challenge else "",
            "code_challenge_method": "S256" if dialect.challenge else "",
            "response_mode": "form_post" if self._client.posts_back() else "",
            "prompt": prompt,
            "max_age": "" if max_age is None else str(max_age),
            "login_hint": asked.login_hint or "",
            "acr_values": " ".join(asked.acr_values),
            "ui_locales": " ".join(asked.ui_locales),
        }
        memo = {"nonce": nonce, "code_verifier": verifier, "issuer": metadata.issuer}
        if metadata.sends_issuer:
            memo["sends_issuer"] = "yes"
        return Begun(Redirect(with_query(metadata.authorization_endpoint, parameters)), memo)

    async def finish(self, handoff: Handoff, callback: Callback) -> ExternalIdentity:
        """The code becomes tokens, the tokens an identity (OpenID Connect Core 3.1.3). Raises any FederationError."""
        check_handoff(handoff, self._provider.name, ("nonce", "code_verifier", "issuer"))
        memo, dialect, now = handoff.memo, self._dialect, callback.now
        code = code_of(
            callback,
            handoff,
            method="POST" if self._client.posts_back() else "GET",
            issuer=() if dialect.issuer_is_template else (memo["issuer"],),
            issuer_required="sends_issuer" in memo,
        )
        metadata = await self._source.get(now)
        if metadata.issuer != memo["issuer"]:
            raise NotForUs("the provider was set up anew while the person was there")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": handoff.callback_url}
        if dialect.challenge:
            form["code_verifier"] = memo["code_verifier"]
        max_age = 0 if handoff.fresh else handoff.max_age
        granted = await self._exchange.grant(
            metadata,
            form,
            now,
            nonce=memo["nonce"],
            max_age=max_age if dialect.tells_auth_time else None,
            begun_at=handoff.begun_at,
        )
        return await self._identity(metadata, granted, subject_of(granted.claims, "the ID token"), now, callback)

    async def refresh(self, refresh_token: str, subject: str, now: int) -> ExternalIdentity:
        """The identity anew (OpenID Connect Core 12): of the same person, or it is refused. Raises any FederationError."""
        metadata = await self._source.get(now)
        granted = await self._exchange.grant(
            metadata, {"grant_type": "refresh_token", "refresh_token": refresh_token}, now
        )
        if granted.id_token is not None and not same(subject_of(granted.claims, "the ID token"), subject):
            raise BadAnswer("the refreshed ID token is another person's")
        if granted.id_token is None and (self._dialect.issuer_is_template or not metadata.userinfo_endpoint):
            raise BadAnswer("the provider says nothing of the person in a refresh")
        return await self._identity(metadata, granted, subject, now, None)

    async def _identity(
        self, metadata: Metadata, granted: Granted, subject: str, now: int, callback: Callback | None
    ) -> ExternalIdentity:
        dialect, token = self._dialect, granted.claims
        judge = partial(judged, texts_count=dialect.verified_texts, kept=dialect.keeps_verified)
        claims, said = judge(token), None
        if metadata.userinfo_endpoint and (granted.id_token is None or lacks(claims, self._wanted)):
            said = await self._exchange.userinfo(metadata, granted.access_token, subject, now)
            if granted.id_token is None:
                dialect.judge(said)  # a refresh is no way around the settings
            claims = joined(claims, judge(said))
        acr, amr, sid, at = (token.get(name) for name in ("acr", "amr", "sid", "auth_time"))
        sid = sid if isinstance(sid, str) else None
        return ExternalIdentity(
            provider=self._provider.name,
            issuer=str(token["iss"]) if dialect.issuer_is_template else metadata.issuer,
            subject=subject,
            claims=dialect.amend(claims, callback),
            authenticated_at=at if isinstance(at, int) else None,
            acr=acr if isinstance(acr, str) else None,
            amr=tuple(each for each in amr if isinstance(each, str)) if isinstance(amr, list) else (),
            session=UpstreamSession(subject, sid, id_token=granted.id_token),
            refresh_token=granted.refresh_token,
            sources={
                "idToken": dict(token),
                "tokenResponse": without_tokens(granted.answer),
                **({} if said is None else {"userInfo": said}),
            },
        )

    # --------------------------------------------------------------------------------------------- its end

    async def sign_out(self, session: UpstreamSession, return_url: str, state: str, now: int) -> Begun | None:
        """To the end-session endpoint (OpenID Connect RP-Initiated Logout 1.0, 2); None if there is none."""
        metadata = await self._source.get(now)
        if not metadata.end_session_endpoint:
            return None
        fields = {
            "id_token_hint": session.id_token or "",
            "client_id": self._provider.client_id,
            "post_logout_redirect_uri": return_url,
            "state": state,
        }
        url = with_query(metadata.end_session_endpoint, fields)
        if len(url) <= LONGEST_URL:
            return Begun(Redirect(url))
        return Begun(FormPost(metadata.end_session_endpoint, tuple((k, v) for k, v in fields.items() if v)))

    async def signed_out(self, callback: Callback) -> EndedThere:
        """Which session the provider's logout token ends (Back-Channel Logout 1.0, 2.6), or its frame in the person's
        browser (Front-Channel Logout 1.0, 2). Raises ProviderUnavailable, BadAnswer.
        """
        if callback.method == "GET" and self._provider.settings.get("frontchannel_logout") is True:
            metadata = await self._source.get(callback.now)
            session = session_of_frame(callback, self._dialect.issuers({}, metadata))
            return EndedThere(None, session, framed_by=framing_pages(metadata))
        token = callback.one("logout_token")
        if callback.method != "POST" or token is None or not is_token(token):
            raise BadAnswer("a logout token comes by POST, as logout_token")
        metadata = await self._source.get(callback.now)

        def verify(given: str, keys: Keys) -> SessionEnded:
            return verify_logout_token(
                given,
                keys,
                issuers=lambda claims: self._dialect.issuers(claims, metadata),
                client_id=self._provider.client_id,
                algorithms=self._client.algorithms(metadata),
                now=callback.now,
            )

        ended = await self._tokens.read(token, metadata, callback.now, verify)
        # A minute longer than the token holds, for the clocks.
        if not await self._host.once.first(f"logout {ended.issuer} {ended.jti}", ended.expires_at + 60):
            raise BadAnswer("the logout token came before")
        return EndedThere(ended.subject, ended.session)

    async def encryption_keys(self) -> Sequence[Mapping[str, str]]:
        """Ours that ID tokens are encrypted for (OpenID Connect Registration 2, `jwks_uri`)."""
        return await self._tokens.encryption_keys()

    async def examine(self, callback_url: str, now: int) -> list[Check]:
        """What there is to say of the settings and of the provider."""
        from federation.connectors.examination import examine

        return await examine(self._client, self._source, self._tokens, callback_url, now)


def build(provider: IdentityProvider, host: Host) -> OidcConnector:
    """The connector for a provider of type "oidc". Raises Misconfigured."""
    if not provider.setting("issuer"):
        raise Misconfigured("there is no issuer", setting="issuer")
    connector = OidcConnector(provider, host, metadata_of(provider, host), scope=KIND.scope)
    Client(provider, Dialect(), host).check(0)
    return connector


KIND = Kind(
    type="oidc",
    label="OpenID Connect",
    protocol="oidc",
    build=build,
    settings=SETTINGS,
    scope=("openid", "profile", "email"),
    mapping=MAPPING,
    icon="openid",
)
