"""How a provider's OpenID Connect differs from the letter, as data. A provider's own file fills in what is so with it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from federation.connectors.discovery import Metadata
from federation.model import Callback


def _exactly(_claims: Mapping[str, Any], metadata: Metadata) -> Collection[str]:
    return (metadata.issuer,)


def _anybody(_claims: Mapping[str, Any]) -> None:
    return None


def _as_they_are(claims: dict[str, object], _callback: Callback | None) -> dict[str, object]:
    return claims


def _unchanged(answer: dict[str, Any]) -> dict[str, Any]:
    return answer


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences. A field that is left as it is means: to the letter.

    Attributes:
        issuers: the right values of `iss` in an ID token with these claims.
        issuer_is_template: the metadata's issuer stands for many, one for each tenant. Then an identity's issuer is what its
            token says, and `iss` in the browser's return has nothing to be compared with. Else an identity's issuer is the
            metadata's, however the token spells it.
        algorithms: of ID tokens, unless the settings name one; empty goes by the metadata.
        auth_method: at the token endpoint, unless the settings name one; "" goes by the metadata.
        secret: the client secret at a time, where it is made and not given.
        challenge: whether the provider bears PKCE.
        nonce_returned: whether an ID token without nonce is refused.
        tells_auth_time: whether it takes `max_age` and answers with `auth_time`. Where it does not, nobody can be asked to
            prove who they are anew, and `authenticated_at` stays open.
        fresh_prompt: the `prompt` that comes nearest to it; "" if there is none.
        silent: whether it knows `prompt=none`.
        verified_texts: whether "true" counts as the boolean for `email_verified`.
        keeps_verified: whether `email_verified` is the provider's own word at all.
        parameters: further parameters of the authorization request.
        posts_back: whether `response_mode=form_post` is asked for.
        judge: raises WrongAccount or BadAnswer for claims that the settings do not admit.
        amend: the claims as they are handed on; the callback is None in a refresh.
        read_userinfo: what the UserInfo endpoint says, in the names of OpenID Connect.
    """

    issuers: Callable[[Mapping[str, Any], Metadata], Collection[str]] = _exactly
    issuer_is_template: bool = False
    algorithms: tuple[str, ...] = ()
    auth_method: str = ""
    secret: Callable[[int], str] | None = None
    challenge: bool = True
    nonce_returned: bool = True
    tells_auth_time: bool = True
    fresh_prompt: str = "login"
    silent: bool = True
    verified_texts: bool = False
    keeps_verified: bool = True
    parameters: tuple[tuple[str, str], ...] = ()
    posts_back: bool = False
    judge: Callable[[Mapping[str, Any]], None] = _anybody
    amend: Callable[[dict[str, object], Callback | None], dict[str, object]] = _as_they_are
    read_userinfo: Callable[[dict[str, Any]], dict[str, Any]] = _unchanged
