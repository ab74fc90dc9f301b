"""The floors: the least Python that does each endpoint's unavoidable work, on our own uvicorn settings.

    floor.py SETTINGS      serves on the port that the settings (JSON, written by run.py) name, until SIGTERM

`kind` "raw" is bare ASGI, the yardstick F. `kind` "starlette" is what an obvious implementation looks like. Both answer
under our server's paths, with its headers, and with bodies of its size.
"""

import asyncio
import base64
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import argon2
import orjson
import scene
from floor_stores import Database, Postgres, Redis, Row, Sqlite
from floor_tokens import (
    REFRESH_TTL,
    Claims,
    Signing,
    access_claims,
    chance,
    digest,
    grant_of,
    id_claims,
    machine_claims,
    person_of,
    same,
)

from authserver.serving import listen, run, serving, stop_event

GROUPS = ["staff"]
SECRETS = {
    client: (digest(scene.SECRET), alg)
    for alg in scene.ALGORITHMS
    for client in (scene.web_client(alg), scene.machine_client(alg))
}
"""Digests of the clients' secrets; the algorithm of a web client's ID tokens, of a machine's access tokens."""
SCOPES = {scene.machine_client(alg): frozenset({scene.machine_scope(alg)}) for alg in scene.ALGORITHMS}
GRANTS = {client: chance(12) for client in SECRETS}


def parsed(body: bytes) -> dict[str, str]:
    """A form. By hand, because `urllib.parse.parse_qsl` takes longer."""
    form = {}
    for pair in body.decode().split("&"):
        name, _, value = pair.partition("=")
        form[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return form


class Work:
    """What the endpoints do, whatever stands in front of them."""

    def __init__(self, settings: dict[str, Any], redis: Redis, database: Database, ada: Claims) -> None:
        self.issuer: str = settings["issuer"]
        self._signing = Signing()
        self._redis = redis
        self._database = database
        self._ada = ada
        self._hasher = argon2.PasswordHasher()
        self._hash: str = settings["password_hash"]
        self._hashing = ThreadPoolExecutor(1)

    @classmethod
    async def open(cls, settings: dict[str, Any]) -> "Work":
        redis = await Redis.connect(settings["redis"])
        database: Database = (
            await Postgres.connect(settings["postgres"]) if "postgres" in settings else Sqlite(settings["sqlite"])
        )
        ada = person_of(await database.person(await database.user_id(scene.ADA)))
        return cls(settings, redis, database, ada)

    def client(self, authorization: bytes) -> tuple[str, str]:
        """The client that authenticates, and its algorithm (RFC 6749 2.3.1)."""
        name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
        known, alg = SECRETS[unquote_plus(name)]
        assert same(digest(unquote_plus(secret)), known)
        return name, alg

    async def token(self, authorization: bytes, form: dict[str, str]) -> dict[str, object]:
        client, alg = self.client(authorization)
        match form["grant_type"]:
            case "client_credentials":
                return await self._machine(client, alg, form)
            case "authorization_code":
                return await self._code(client, alg, form)
            case "refresh_token":
                return await self._refresh(client, alg, form["refresh_token"])
        raise AssertionError(form)

    async def _machine(self, client: str, alg: str, form: dict[str, str]) -> dict[str, object]:
        scope = form["scope"]
        assert SCOPES[client].issuperset(scope.split())
        api = scene.RSA_API if alg == "RS256" else scene.API
        token = self._signing.sign(alg, "at+jwt", machine_claims(self.issuer, api, client, scope, GRANTS[client]))
        await asyncio.sleep(0)  # signs for all who wait, then sends to all: a quarter faster than in turns
        return {"access_token": token, "token_type": "Bearer", "expires_in": 900, "scope": scope}

    def _minted(
        self, grant: Claims, person: Claims, alg: str, now: int, refresh: str, nonce: str | None
    ) -> dict[str, object]:
        access = self._signing.sign("ES256", "at+jwt", access_claims(self.issuer, scene.API, grant, GROUPS, now))
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 900,
            "scope": grant["scope"],
            "refresh_token": refresh,
            "id_token": self._signing.sign(alg, "JWT", id_claims(self.issuer, grant, access, person, now, nonce)),
        }

    async def _code(self, client: str, alg: str, form: dict[str, str]) -> dict[str, object]:
        name = digest(form["code"])
        stored: bytes = await self._redis("GETDEL", f"pg:{{{scene.POOL}:{name}}}:code")
        code = orjson.loads(stored[1:])
        now = int(time.time())
        assert same(code["client_id"], client)
        assert same(code["redirect_uri"], form["redirect_uri"])
        assert same(code["code_challenge"], digest(form["code_verifier"]))
        assert now < code["expires_at"]
        grant = code["grant"]
        grant["scope"] = " ".join(grant["scope"])
        refresh = chance(60)
        response = self._minted(grant, self._ada, alg, now, refresh, code["nonce"])
        family = (refresh[:16], grant["id"], digest(refresh), now, now, now + REFRESH_TTL)
        assert await self._database.redeem(name, code["expires_at"] + 3600, family)
        return response

    async def _refresh(self, client: str, alg: str, presented: str) -> dict[str, object]:
        now = int(time.time())
        refresh = presented[:16] + chance(48)

        def mint(row: Row) -> dict[str, object]:
            grant = grant_of(row)
            assert same(grant["client_id"], client)
            return self._minted(grant, person_of(row[8:]), alg, now, refresh, None)

        return await self._database.rotate(presented[:16], digest(presented), digest(refresh), now, mint)

    async def userinfo(self, authorization: bytes) -> bytes:
        claims = self._signing.verified(authorization[7:])
        assert claims["iss"] == self.issuer
        assert self.issuer in claims["aud"]
        assert time.time() < claims["exp"]
        assert "openid" in claims["scope"].split()
        await asyncio.sleep(0)  # as above
        person = person_of(await self._database.person(claims["sub"]))
        return orjson.dumps({"sub": claims["sub"], **person})

    async def login(self, form: dict[str, str]) -> str:
        """A session's secret, for the right password."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._hashing, self._hasher.verify, self._hash, form["password"])
        secret = chance(32)
        session = orjson.dumps({"user": form["username"], "at": int(time.time())})
        await self._redis("SET", f"session:{digest(secret)}", session, "EX", "28800")
        return secret


class Raw:
    """Bare ASGI."""

    def __init__(self, work: Work, settings: dict[str, Any]) -> None:
        self._work = work
        self._answers = {
            path: ([(k.encode(), v.encode()) for k, v in answer["headers"]], answer["body"].encode())
            for path, answer in settings["answers"].items()
        }
        self._token, self._userinfo = settings["token"], settings["userinfo"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path, status = scope["path"], 200
        if path == self._token:
            headers = self._answers[path][0]
            body = orjson.dumps(await self._work.token(_header(scope), parsed(await _body(receive))))
        elif path == self._userinfo:
            headers = self._answers[path][0]
            body = await self._work.userinfo(_header(scope))
        elif path == "/login":
            secret = await self._work.login(parsed(await _body(receive)))
            headers, body, status = [(b"location", b"/"), (b"set-cookie", b"session=" + secret.encode())], b"", 303
        else:
            headers, body = self._answers[path]
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _header(scope: Any) -> bytes:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value)
    raise AssertionError("no credentials")


async def _body(receive: Any) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


def starlette(work: Work, settings: dict[str, Any]) -> Any:
    """Starlette routes as one would write them."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    keys = settings["answers"][settings["jwks"]]
    headers = {name: value for name, value in keys["headers"] if name != "content-type"}
    token_headers = dict(settings["answers"][settings["token"]]["headers"])
    del token_headers["content-type"]

    async def token(request: Request) -> Response:
        form = await request.form()
        sent = {name: str(value) for name, value in form.items()}
        response = await work.token(request.headers["authorization"].encode(), sent)
        return JSONResponse(response, headers=token_headers)

    async def jwks(_request: Request) -> Response:
        return Response(keys["body"], media_type="application/json", headers=headers)

    return Starlette(
        routes=[Route(settings["token"], token, methods=["POST"]), Route(settings["jwks"], jwks, methods=["GET"])]
    )


async def main(settings: dict[str, Any]) -> None:
    work = await Work.open(settings)
    app = starlette(work, settings) if settings["kind"] == "starlette" else Raw(work, settings)
    async with serving(app, listen("127.0.0.1", settings["port"], settings["kind"])):
        await stop_event().wait()


if __name__ == "__main__":
    run(main(json.loads(Path(sys.argv[1]).read_text())))
