"""Bodies of requests, read with a bound."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BODY: Final = 16 * 1024
"""Bytes. What the demo's forms and orders need is a hundredth of it."""


async def read_body(request: Request) -> bytes:
    """The whole body. Raises HTTPException 413 if it has more than `MOST_BODY` bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            raise HTTPException(413, "The body is too large.")
    return bytes(body)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException: 413 as above, 400 for what is not in the form encoding."""
    body = await read_body(request)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise HTTPException(400, "The body is not an encoded form.") from None
