"""Requests to a provider, and its answers: what is sent where, how an answer is read, and what an error there becomes here.

Whatever a provider writes may hold what it was sent. So nothing of it goes into an error but its error code and a shortened
description from which everything that could be a token has been taken out.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from federation.errors import BadAnswer, Misconfigured, ProviderRefused, ProviderUnavailable
from federation.ports import Http, Response
from resource_servers.encoding import parse_json_object
from resource_servers.errors import shown
from resource_servers.fetching import check_url, is_loopback

LONGEST_TOKEN = 32_768
"""Characters of a token that is taken from a provider."""

_FORM = "application/x-www-form-urlencoded"
_JSON: Mapping[str, str] = {"accept": "application/json"}
_CODE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,64}")  # RFC 6749 5.2
_TOKEN = re.compile(r"[\x21-\x7e]+")
_LONG_WORD = re.compile(r"[A-Za-z0-9_~+/=.\-]{16,}")


def check_endpoint(url: str, *, setting: str = "", loopback: bool = True) -> str:
    """The URL, if requests and browsers may be sent there: https, or http on this machine where `loopback` says so.

    Raises Misconfigured for a URL from the settings (`setting` names the key), BadAnswer for one from elsewhere.
    """
    try:
        check_url(url, loopback=loopback and is_loopback(url))
    except ValueError as unfit:
        if setting:
            raise Misconfigured(f"{setting}: {shown(str(unfit))}", setting=setting) from None
        raise BadAnswer(f"an endpoint of the provider is unfit: {shown(str(unfit))}") from None
    return url


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with parameters added to those it may have (RFC 6749 3.1). Empty ones are left out."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"{url}{'&' if '?' in url else '?'}{query}"


async def post_form(
    http: Http, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None
) -> Response:
    """POST a form and take whatever comes. Raises ProviderUnavailable."""
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    return await http.request("POST", url, headers={**_JSON, "content-type": _FORM, **(headers or {})}, body=body)


async def get(http: Http, url: str, *, bearer: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """GET with an access token in the header (RFC 6750 2.1), if there is one. Raises ProviderUnavailable."""
    authorization = {"authorization": f"Bearer {bearer}"} if bearer else {}
    return await http.request("GET", url, headers={**_JSON, **authorization, **(headers or {})})


def media_type(response: Response) -> str:
    """The answer's type without parameters, in lower case."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_of(response: Response, what: str) -> dict[str, Any]:
    """The JSON object of an answer; `what` names it in the error. Raises BadAnswer."""
    try:
        return parse_json_object(response.body)
    except ValueError as damaged:
        raise BadAnswer(f"{what} is no JSON object: {shown(str(damaged))}") from None


def token_answer(response: Response, secrets: Collection[str] = ()) -> dict[str, Any]:
    """What a token endpoint said (RFC 6749 5.1): JSON, or a form where the provider says that it is one.

    Args:
        secrets: what was sent, and must not come back in an error's detail.

    Raises ProviderRefused with the provider's code, ProviderUnavailable, BadAnswer.
    """
    if response.status != 200:
        answer = _json_or_nothing(response)
    elif media_type(response) in {_FORM, "text/plain"} and not response.body.lstrip().startswith(b"{"):
        answer = _form_of(response)
    else:
        answer = json_of(response, "the token answer")
    if response.status != 200 or "error" in answer or "error_code" in answer:
        raise refusal(response.status, answer, "the token endpoint", secrets)
    return answer


def api_answer(response: Response, what: str, secrets: Collection[str] = ()) -> dict[str, Any]:
    """What a resource of the provider said: a JSON object. Raises ProviderRefused, ProviderUnavailable, BadAnswer."""
    if response.status != 200:
        raise refusal(response.status, _json_or_nothing(response), what, secrets)
    answer = json_of(response, what)
    if isinstance(answer.get("error"), dict):
        raise refusal(response.status, answer, what, secrets)
    return answer


def refusal(
    status: int, answer: Mapping[str, object], what: str, secrets: Collection[str] = (), plain: Collection[str] = ()
) -> ProviderRefused | ProviderUnavailable | BadAnswer:
    """The error for an answer that is one.

    Args:
        plain: long words of the provider's that are no tokens.
    """
    if status == 429 or status >= 500:
        return ProviderUnavailable(f"{what} answers {status}")
    if 300 <= status < 400:
        return BadAnswer(f"{what} redirects ({status}), which is not followed")
    code, description = _error_of(answer)
    if any(secret and secret in code for secret in secrets):
        code = ""
    detail = f"{what} answers {status} {code or ''}".rstrip()
    if code in {"invalid_client", "unauthorized_client", "incorrect_client_credentials"}:
        detail += "; look at client_id, the secret and how the client authenticates"
    elif code == "redirect_uri_mismatch":
        detail += "; register the redirect URI there exactly as `poolgate idp test` shows it"
    return ProviderRefused(code or f"http_{status}", detail + harmless(description, secrets, plain))


def harmless(text: str, secrets: Collection[str] = (), plain: Collection[str] = ()) -> str:
    """A provider's words for a detail, without anything that may be a token; "" stays "", otherwise ": " leads. Words that
    are `plain` stay, however long.
    """
    for secret in secrets:
        text = text.replace(secret, "...") if secret else text
    text = _LONG_WORD.sub(lambda word: word[0] if word[0].rstrip(".") in plain else "...", text).strip()
    return f": {shown(text)}" if text else ""


def error_code(text: object) -> str:
    """An error code as it may be shown; "" for what is none (RFC 6749 5.2)."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else ""


def _error_of(answer: Mapping[str, object]) -> tuple[str, str]:
    """Code and description in the forms that are about: RFC 6749's, and Facebook's and Google's object."""
    error = answer.get("error", answer.get("error_code"))
    description = answer.get("error_description", answer.get("message", ""))
    if isinstance(error, Mapping):
        description = error.get("message", "")
        number, kind = error.get("code"), error.get("type") or error.get("status")
        error = " ".join(str(part) for part in (kind, number) if part is not None)
    if isinstance(error, int):
        error = str(error)
    return error_code(error), description[:400] if isinstance(description, str) else ""


def _form_of(response: Response) -> dict[str, Any]:
    try:
        pairs = parse_qsl(response.body.decode(), strict_parsing=True, max_num_fields=50)
    except ValueError:
        raise BadAnswer("the token answer is no form") from None
    if len(dict(pairs)) != len(pairs):
        raise BadAnswer("the token answer has a parameter twice")
    return dict(pairs)


def _json_or_nothing(response: Response) -> dict[str, Any]:
    try:
        return parse_json_object(response.body)
    except ValueError:
        return {}


def access_token_of(answer: Mapping[str, object]) -> str:
    """The bearer token of a token answer (RFC 6749 5.1). Raises BadAnswer."""
    token, kind = answer.get("access_token"), answer.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadAnswer(f"the token type is {shown(kind)}, not bearer")
    if not is_token(token):
        raise BadAnswer("there is no access token that could be used")
    return str(token)


def refresh_token_of(answer: Mapping[str, object]) -> str | None:
    """The refresh token of a token answer, if there is one. Raises BadAnswer."""
    token = answer.get("refresh_token")
    if token is None or token == "":
        return None
    if not is_token(token):
        raise BadAnswer("the refresh token is not one")
    return str(token)


def is_token(value: object) -> bool:
    """Whether it can stand in a header and a form as it is (RFC 6749 A.12)."""
    return isinstance(value, str) and len(value) <= LONGEST_TOKEN and _TOKEN.fullmatch(value) is not None


def without_tokens(answer: Mapping[str, object]) -> dict[str, object]:
    """A token answer as triggers may see it."""
    return {name: value for name, value in answer.items() if not name.endswith("_token") and name != "assertion"}
