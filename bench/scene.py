"""What is measured: one pool with its clients and users, as our server, the floors, the seeds and the peer know it.

Names of the ES256 and the RS256 variant have the same length, so that requests and tokens do.
"""

import base64
from pathlib import Path
from urllib.parse import quote

POOL = "bench_Pool1"
API = "https://orders.example"
RSA_API = "https://ledger.example"
"""Its access tokens are signed RS256."""
REDIRECT = "https://app.example/callback"
SECRET = "measured-and-thrown-away-7Tn3Rk9xQz"
PASSWORD = "correct-horse-battery"
VERIFIER = "v" * 64
NONCE = "n-0S6_WzA2Mj"
BROWSER = "measured-and-thrown-away-browser-0123456789"
"""The browser cookie of the one browser that signs in (43 characters of base64url)."""

ADA = "ada"
USERS = 32
"""Users for sign-ins, `user00` on: more than are under way at a time, since tries for one account are limited."""

CODE_TTL = 600
ALGORITHMS = ("ES256", "RS256")
WEB_SCOPE = f"openid profile email {API}/read"


def web_client(alg: str) -> str:
    """The client that signs people in and gets its ID tokens signed so; its access tokens are always ES256."""
    return f"web-{alg.lower()}"


def machine_client(alg: str) -> str:
    """The client of an API whose access tokens are signed so."""
    return f"machine-{alg.lower()}"


def machine_scope(alg: str) -> str:
    return f"{RSA_API if alg == 'RS256' else API}/read"


def basic(client_id: str) -> str:
    """The Authorization header of a client (RFC 6749 2.3.1)."""
    return "Basic " + base64.b64encode(f"{quote(client_id)}:{quote(SECRET)}".encode()).decode()


def machine_form(alg: str) -> str:
    return f"grant_type=client_credentials&scope={quote(machine_scope(alg), safe='')}"


def code_form(code: str) -> str:
    return f"grant_type=authorization_code&code={code}&redirect_uri={quote(REDIRECT, safe='')}&code_verifier={VERIFIER}"


def pool_file(password_hash: str) -> str:
    """The pool file. Everything not said is the default; codes live long, so that they can be made beforehand."""
    parts = [
        f"""
[pool]
id = "{POOL}"
name = "Bench"
[pool.tokens]
code_ttl = {CODE_TTL}

[[groups]]
name = "staff"

[[resource_servers]]
identifier = "{API}"
scopes = [{{ name = "read" }}, {{ name = "write" }}]

[[resource_servers]]
identifier = "{RSA_API}"
access_alg = "RS256"
scopes = [{{ name = "read" }}]

[[users]]
username = "{ADA}"
password_hash = "{password_hash}"
email = "ada@example.com"
email_verified = true
groups = ["staff"]
attributes = {{ name = "Ada Lovelace", given_name = "Ada", family_name = "Lovelace" }}
"""
    ]
    parts += [
        f"""
[[users]]
username = "user{n:02d}"
password_hash = "{password_hash}"
"""
        for n in range(USERS)
    ]
    for alg in ALGORITHMS:
        parts.append(
            f"""
[[clients]]
client_id = "{web_client(alg)}"
client_secret = "{SECRET}"
redirect_uris = ["{REDIRECT}"]
grant_types = ["authorization_code", "refresh_token"]
scope = "{WEB_SCOPE}"
id_token_signed_response_alg = "{alg}"

[[clients]]
client_id = "{machine_client(alg)}"
client_secret = "{SECRET}"
grant_types = ["client_credentials"]
scope = "{machine_scope(alg)}"
"""
        )
    return "".join(parts)


def settings_file(
    folder: Path, port: int, metrics: int, *, database: str | None = None, redis: str | None = None
) -> str:
    """The settings of a server in `folder`: the defaults, but for where it is and, if given, its stores; and one address
    may start as many sign-ins as it likes, since all the load comes from one.
    """
    lines = [
        f'base_url = "http://localhost:{port}"',
        f'listen = "127.0.0.1:{port}"',
        f'metrics = "127.0.0.1:{metrics}"',
        f'data_dir = "{folder}"',
        f'pool_files = ["{folder.parent / "pool.toml"}"]',
    ]
    if database is not None:
        lines += [f'database_url = "{database}"', "single_node = true"]
    if redis is not None:
        lines.append(f'redis_url = "{redis}"')
    lines += ["[guessing]", "sign_ins_per_address = 10000000"]
    return "\n".join(lines) + "\n"
