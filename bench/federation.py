"""What signing in by other providers costs.

    federation.py [--times 100] [--providers 1000] [--only saml|providers]

`saml`: a SAML login's own part (a signed request, and a response with both signatures and an encrypted assertion), by us and
by pysaml2 with the program xmlsec1, turn by turn on the same messages. `providers`: how long `poolgate serve` takes to
start, and a login's first pages, with one provider in the pool and with many. Run it while nothing else runs.
"""

import argparse
import asyncio
import base64
import logging
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from federation.connectors.saml.provider import SamlProvider
from federation.model import Asked, Handoff
from tests.federation.saml.desk import connector
from tests.federation.saml.standin import ACS, IDP, SP, Encrypt, Key, Say, key, metadata, posted, response
from tests.system.installation import installation

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


def middle(values: list[float]) -> float:
    """Milliseconds."""
    return statistics.median(values) * 1000


def told(name: str, values: list[float]) -> None:
    low, high = min(values) * 1000, statistics.quantiles(values, n=20)[-1] * 1000
    print(f"  {name:<34} {middle(values):8.2f} ms   (best {low:.2f}, 95 % {high:.2f})")


# ------------------------------------------------------------------------------------------------------------- SAML


def said(number: int, now: int) -> Say:
    """A response as providers send them: both signed, and encrypted."""
    return Say(
        assertion_id=f"_assertion{number}",
        issued=now,
        confirmed_until=now + 300,
        not_before=now - 5,
        not_on_or_after=now + 300,
        authenticated=now - 10,
        sign=("assertion", "response"),
        encrypt=Encrypt(),
    )


def files(folder: Path, name: str, of: Key) -> tuple[str, str]:
    (folder / f"{name}.key").write_text(of.pair.private_key)
    (folder / f"{name}.crt").write_text(of.pem)
    return str(folder / f"{name}.key"), str(folder / f"{name}.crt")


def other(folder: Path, program: str) -> Any:
    """pysaml2's client, as it is used everywhere: with the program."""
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    private, certificate = files(folder, "sp", key("sp"))
    services = {"endpoints": {"assertion_consumer_service": [(ACS, "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST")]}}
    config = {
        "entityid": SP,
        "xmlsec_binary": program,
        "key_file": private,
        "cert_file": certificate,
        "encryption_keypairs": [{"key_file": private, "cert_file": certificate}],
        "metadata": {"inline": [metadata()]},
        "service": {
            "sp": {
                **services,
                "authn_requests_signed": True,
                "want_response_signed": True,
                "want_assertions_signed": True,
            }
        },
    }
    return Saml2Client(config=SPConfig().load(config))


async def saml(times: int) -> None:
    program = shutil.which("xmlsec1")
    if program is None:
        print("no xmlsec1 to compare with: apt-get install xmlsec1", file=sys.stderr)
        return
    now = int(time.time())
    messages = [base64.b64encode(response(said(n, now)).encode()).decode() for n in range(times + 2)]
    ours = connector()
    took: dict[str, list[float]] = {"ours": [], "xmlsec1": []}
    with tempfile.TemporaryDirectory() as folder:
        theirs = other(Path(folder), program)
        for number, message in enumerate(messages):
            first = number < 2  # keys are parsed, schemas and modules loaded: a server does that once
            began = time.perf_counter()
            await _ours(ours, message, now)
            between = time.perf_counter()
            _theirs(theirs, message)
            ended = time.perf_counter()
            if not first:
                took["ours"].append(between - began)
                took["xmlsec1"].append(ended - between)
    print(f"a SAML login's own part, {times} times:")
    told("poolgate, in process", took["ours"])
    told("pysaml2 with the program xmlsec1", took["xmlsec1"])
    print(f"  ratio {middle(took['xmlsec1']) / middle(took['ours']):.1f}")


async def _ours(at: SamlProvider, message: str, now: int) -> None:
    begun = await at.begin(Asked("state", ACS, now))
    handoff = Handoff("state", "main", "corp", ACS, now - 20, memo={**begun.memo, "request_id": "_request1"})
    callback = replace(posted("", now=now), params=(("SAMLResponse", message), ("RelayState", "state")))
    identity = await at.finish(handoff, callback)
    assert identity.subject == "ada", identity


def _theirs(client: Any, message: str) -> None:
    client.prepare_for_authenticate(entityid=IDP, relay_state="state")
    found = client.parse_authn_request_response(
        message, "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", outstanding={"_request1": "/"}
    )
    assert found.name_id.text == "ada"


# -------------------------------------------------------------------------------------------------------- providers

_POOL = """
[pool]
id = "bench_Pool1"

[[clients]]
client_id = "app"
client_secret = "bench-keeps-this-from-nobody-9Pw4Rt6y"
redirect_uris = ["http://127.0.0.1:7002/callback"]
scope = "openid"
require_pkce = false
"""
_PROVIDER = """
[[identity_providers]]
name = "Provider{n}"
type = "{type}"
{keys}
domains = ["company{n}.example"]
shown = {shown}
"""


def pool_of(providers: int) -> str:
    """A pool with so many companies: half by OpenID, half by SAML. The last is the one that is used."""
    parts = [_POOL]
    for n in range(providers):
        last = n == providers - 1
        if n % 2 or last:
            keys = (
                f'client_id = "x"\nclient_secret = "bench-keeps-this-{n}-7Lm2Vx5c"\nissuer = "https://id{n}.example"\n'
                f'authorization_endpoint = "https://id{n}.example/a"\ntoken_endpoint = "https://id{n}.example/t"\n'
                f'jwks_uri = "https://id{n}.example/k"'
            )
            parts.append(_PROVIDER.format(n=n, type="oidc", keys=keys, shown=str(last).lower()))
        else:
            keys = f'metadata_url = "https://idp{n}.example/metadata"'
            parts.append(_PROVIDER.format(n=n, type="saml", keys=keys, shown="false"))
    return "".join(parts)


def providers(times: int, many: int) -> None:
    for count in (1, many):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pools = {"bench_Pool1": pool_of(count)}
            with installation(folder, pools=pools, extra="", host="localhost") as at:
                at.stop()
                starts = [_timed(at.start, at.stop) for _ in range(7)]
                at.write_settings({}, "")
                without = [_timed(at.start, at.stop) for _ in range(7)]
                at.start()
                pages = _logins(at.base_url, times, count)
        print(f"{count} providers:")
        told("start, pool file applied again", starts)
        told("start, no pool file", without)
        for what, values in pages.items():
            told(what, values)


def _timed(work: Callable[[], object], after: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    after()
    return took


def _logins(base_url: str, times: int, count: int) -> dict[str, list[float]]:
    """Authorize and the first page; the way to a provider by name; and by the domain of an address."""
    issuer = f"{base_url}/bench_Pool1"
    asked = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": "http://127.0.0.1:7002/callback",
        "scope": "openid",
        "nonce": "n",
    }
    name, address = f"Provider{count - 1}", f"ada@company{count - 1}.example"
    took: dict[str, list[float]] = {"authorize and its page": [], "away by identity_provider": [], "by login_hint": []}
    for number in range(times + 5):
        with httpx.Client(timeout=30) as browser:
            for what, more in (
                ("authorize and its page", {}),
                ("away by identity_provider", {"identity_provider": name}),
                ("by login_hint", {"login_hint": address}),
            ):
                began = time.perf_counter()
                answer = browser.get(f"{issuer}/oauth2/authorize", params={**asked, **more})
                answer = browser.get(answer.headers["location"])
                assert answer.status_code == (200 if not more else 302), answer.text
                if number >= 5:
                    took[what].append(time.perf_counter() - began)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--providers", type=int, default=1000)
    parser.add_argument("--only", choices=("saml", "providers"))
    asked = parser.parse_args()
    if asked.only != "providers":
        asyncio.run(saml(asked.times))
    if asked.only != "saml":
        providers(asked.times, asked.providers)


if __name__ == "__main__":
    main()
