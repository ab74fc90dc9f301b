"""What passes between us and an OpenID provider without the browser: a grant for tokens, an access token for UserInfo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.connectors.calls import (
    access_token_of,
    api_answer,
    get,
    is_token,
    media_type,
    post_form,
    refresh_token_of,
    token_answer,
)
from federation.connectors.client import SIGNATURES, Client
from federation.connectors.discovery import Metadata
from federation.connectors.id_token import Expected, verify_id_token
from federation.connectors.jws import subject_of
from federation.connectors.returning import same
from federation.connectors.tokens import Tokens
from federation.errors import BadAnswer
from federation.ports import Host


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token endpoint gave: the tokens, the ID token decrypted, its claims, and the rest of the answer."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    id_token: str | None = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    answer: Mapping[str, object] = field(repr=False)


class Exchange:
    """The endpoints of one provider that we call ourselves."""

    def __init__(self, host: Host, client: Client, tokens: Tokens) -> None:
        self._host = host
        self._client = client
        self._dialect = client.dialect
        self._tokens = tokens

    async def grant(
        self,
        metadata: Metadata,
        form: Mapping[str, str],
        now: int,
        *,
        nonce: str | None = None,
        max_age: int | None = None,
        begun_at: int = 0,
    ) -> Granted:
        """Tokens for a code or a refresh token, with an ID token verified. A refresh may bring none.

        Raises any FederationError.
        """
        proof = await self._client.proof(metadata, now)
        response = await post_form(
            self._host.http, metadata.token_endpoint, {**form, **proof.form}, headers=proof.headers
        )
        code, sent = form.get("code", ""), form.get("refresh_token", "")
        answer = token_answer(response, (*proof.secrets, code, sent, form.get("code_verifier", "")))
        access_token, id_token = access_token_of(answer), answer.get("id_token")
        if id_token is None and not code:
            return Granted(access_token, refresh_token_of(answer), None, {}, answer)
        if not is_token(id_token):
            raise BadAnswer("there is no ID token; is openid in the scope?")
        expected = Expected(
            issuers=lambda claims: self._dialect.issuers(claims, metadata),
            client_id=self._client.provider.client_id,
            algorithms=self._client.algorithms(metadata),
            now=now,
            nonce=nonce,
            nonce_required=self._dialect.nonce_returned,
            access_token=access_token,
            code=code,
            max_age=max_age,
            begun_at=begun_at,
        )
        # What is inside an encrypted one is the hint of a sign-out: nobody but us could read it otherwise (Core 3.1.2.1).
        signed = await self._tokens.opened(str(id_token))
        claims = await self._tokens.check(metadata, now, lambda keys: verify_id_token(signed, keys, expected))
        self._dialect.judge(claims)
        return Granted(access_token, refresh_token_of(answer), signed, claims, answer)

    async def userinfo(self, metadata: Metadata, access_token: str, subject: str, now: int) -> dict[str, Any]:
        """OpenID Connect Core 5.3: the answer counts only with the subject of the ID token."""
        response = await get(self._host.http, metadata.userinfo_endpoint, bearer=access_token)
        signed = self._client.provider.setting("userinfo_signed_response_alg")
        if response.status == 200 and (signed or media_type(response) == "application/jwt"):
            allowed = frozenset({signed} if signed else self._client.algorithms(metadata) & frozenset(SIGNATURES))
            said = await self._tokens.claims_of_userinfo(response.body, metadata, now, allowed)
        else:
            said = self._dialect.read_userinfo(api_answer(response, "the UserInfo endpoint", (access_token,)))
        if not same(subject_of(said, "the UserInfo answer"), subject):
            raise BadAnswer("UserInfo speaks of another person than the ID token")
        return said
