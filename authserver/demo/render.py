"""The demo's HTML pages and static files, and the headers they are sent with."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from authserver.demo.times import machine_moment, moment

_HERE = Path(__file__).parent
_CONTENT_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8"}
)


def page_policy(
    *, forms: Iterable[str] = (), scripts: bool = False, connect: Iterable[str] = (), frames: bool = False
) -> str:
    """The Content-Security-Policy of a page: our own style sheet and pictures, nothing inline, nothing from elsewhere.

    Args:
        forms: origins that a form's answer may redirect to, or Chromium stops the redirect.
        scripts: whether the page has a script of ours.
        connect: origins that the script may ask.
        frames: whether the page frames others of ours.
    """
    directives = {
        "default-src": ("'none'",),
        "script-src": ("'self'",) if scripts else ("'none'",),
        "connect-src": tuple(connect) or ("'none'",),
        "style-src": ("'self'",),
        "img-src": ("'self'",),
        "frame-src": ("'self'",) if frames else ("'none'",),
        "form-action": ("'self'", *forms),
        "frame-ancestors": ("'none'",),
        "base-uri": ("'none'",),
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


class Pages:
    """Draws pages from the templates beside this file; everything is escaped.

    Args:
        static: path below which `static_routes` serves the files.
        shared: values that every page of this application has: `app_name`, `icon` (a static file), `home` (the path of
            its first page) and `links` (URLs by their names).
    """

    def __init__(self, static: str, **shared: object) -> None:
        self._shared = {**shared, "static": static}

    def page(self, template: str, policy: str, values: Mapping[str, object], *, status: int = 200) -> Response:
        """The page as a response that nobody stores, frames, or takes for something else."""
        return HTMLResponse(
            _environment().get_template(template).render({**self._shared, **values}),
            status,
            headers={
                "Content-Security-Policy": policy,
                "Cache-Control": "no-store",
                "Referrer-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
            },
        )


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # 40 ms, only once a page is wanted

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(moment=moment, machine_moment=machine_moment)
    return environment


def static_routes(path: str) -> list[Route]:
    """Routes for the static files, each asked for again at every page: whoever edits them sees it at once."""
    files = {
        file.name: (file.read_bytes(), _CONTENT_TYPES[file.suffix])
        for file in sorted((_HERE / "static").iterdir())
        if file.suffix in _CONTENT_TYPES
    }

    async def static(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        body, content_type = found
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {
            "ETag": etag,
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=content_type)

    return [Route(f"{path}/{{name}}", static)]
