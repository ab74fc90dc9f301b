"""The pools of a test installation: one with the default grace window, one that is strict (no grace)."""

from collections.abc import Iterable

from tests.dev_server import PASSWORD

POOL = "system_Pool1"
STRICT = "strict_Pool1"
CALLBACK = "https://app.example.com/callback"
API = "https://orders.example"
SECRET = "a-secret-of-test-clients-only-5Rk2Vq8Zt1"
WEB = {POOL: "system-web", STRICT: "strict-web"}
SPA = {POOL: "system-spa", STRICT: "strict-spa"}
MACHINE = {POOL: "system-machine", STRICT: "strict-machine"}
PEOPLE = ("ada", "bob")

_POOL = """
[pool]
id = "{pool}"
name = "{pool}"
{tokens}

[[resource_servers]]
identifier = "{api}"
scopes = [{{ name = "read" }}, {{ name = "write" }}]

[[clients]]
client_id = "{web}"
client_secret = "{secret}"
redirect_uris = ["{callback}"]
grant_types = ["authorization_code", "refresh_token"]
scope = "openid profile email offline_access {api}/read"

[[clients]]
client_id = "{spa}"
token_endpoint_auth_method = "none"
redirect_uris = ["{callback}"]
grant_types = ["authorization_code", "refresh_token"]
scope = "openid profile email offline_access"

[[clients]]
client_id = "{machine}"
client_secret = "{secret}"
grant_types = ["client_credentials"]
scope = "{api}/read {api}/write"
"""

_USER = """
[[users]]
username = "{name}"
{secret}
"""


def pool_file(pool: str, people: Iterable[str] = PEOPLE, *, password_hash: str | None = None, tokens: str = "") -> str:
    """The text of a pool file.

    Args:
        people: names of its users, all with the one password of tests.
        tokens: a `[pool.tokens]` table; the strict pool has its own.
        password_hash: of that password, for pools of many people: otherwise each costs a hashing at the start.
    """
    secret = f"password_hash = '{password_hash}'" if password_hash is not None else f'password = "{PASSWORD}"'
    text = _POOL.format(
        pool=pool,
        tokens="[pool.tokens]\nrefresh_grace = 0" if pool == STRICT else tokens,
        api=API,
        callback=CALLBACK,
        secret=SECRET,
        web=WEB[pool],
        spa=SPA[pool],
        machine=MACHINE[pool],
    )
    return text + "".join(_USER.format(name=name, secret=secret) for name in people)
