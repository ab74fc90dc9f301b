"""Calls of the demo API with an access token, kept as something to look at."""

import contextlib
import json
import time
from http import HTTPStatus

from authserver.demo.browser_sessions import ApiResult
from authserver.demo.outbound import LazyClient

_MOST_SHOWN = 4000
"""Characters of the API's answer that the page shows."""


class OrdersClient:
    """The orders API as this application calls it.

    Args:
        url: where the API listens.
        client: the HTTP client.
    """

    def __init__(self, url: str, client: LazyClient) -> None:
        self._url = url
        self._client = client

    async def read(self, access_token: str) -> ApiResult:
        """GET /orders."""
        return await self._call("GET", access_token, None)

    async def write(self, access_token: str, order: dict[str, object]) -> ApiResult:
        """POST /orders."""
        return await self._call("POST", access_token, order)

    async def _call(self, method: str, access_token: str, body: dict[str, object] | None) -> ApiResult:
        import httpx  # noqa: TID251 - the demo stands for somebody else's client and brings its own HTTP

        request = f"{method} {self._url}/orders"
        began = time.perf_counter()
        try:
            response = await self._client.get().request(
                method, f"{self._url}/orders", json=body, headers={"Authorization": f"Bearer {access_token}"}
            )
        except httpx.HTTPError as failure:
            return ApiResult(request, 0, "no answer", 0, "", f"The API does not answer: {type(failure).__name__}.")
        return ApiResult(
            request=request,
            status=response.status_code,
            reason=_reason(response.status_code),
            milliseconds=round((time.perf_counter() - began) * 1000),
            challenge=response.headers.get("www-authenticate", ""),
            body=_pretty(response.text),
        )


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _pretty(text: str) -> str:
    with contextlib.suppress(ValueError):  # what is no JSON is shown as it came
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "\n..."
