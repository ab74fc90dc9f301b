"""`poolgate idp test`: what can be looked at from here, and a whole login that signs nobody in."""

import asyncio
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from authserver.cli._context import House
from authserver.cli._output import cell
from federation.connector import Check

if TYPE_CHECKING:
    from authserver.broker.service import Broker
    from authserver.broker.verdicts import Verdict
    from authserver.model.pools import Pool
    from federation.model import IdentityProvider

_MARKS = {"ok": "ok  ", "warning": "warn", "error": "FAIL"}
_LOOK_EVERY = 1.0
PATH = "providerTrial"
"""Where the page of a trial is, below the issuer: that of `pages.provider_trial`, which takes long to load."""


@dataclass(frozen=True, slots=True)
class At:
    """A pool and its issuer identifier."""

    url: str
    pool: "Pool"


async def tried(
    house: House, pool: "Pool", provider: "IdentityProvider", *, login: bool, wait: int, quiet: bool
) -> dict[str, object]:
    """Look, print what was found as it is found unless `quiet`, and return all of it."""
    from authserver.broker.verdicts import examined

    issuer = At(f"{house.settings.base_url}/{pool.id}", pool)
    broker = house.broker()
    try:
        checks = await examined(broker, issuer, provider, int(house.clock()))
        for check in [] if quiet else checks:
            _print(check)
        report: dict[str, object] = {
            "name": provider.name,
            "enabled": provider.enabled,
            "checks": [asdict(check) for check in checks],
            "ok": not any(check.outcome == "error" for check in checks),
        }
        if login:
            verdict = await _login(house, broker, issuer, provider, wait)
            report |= {"login": asdict(verdict), "ok": report["ok"] and verdict.verified}
            if not quiet:
                _tell(verdict)
        return report
    finally:
        broker.close()


async def _login(house: House, broker: "Broker", issuer: "At", provider: "IdentityProvider", wait: int) -> "Verdict":
    from authserver.broker.trials import Trials
    from authserver.broker.verdicts import Verdict, judged

    trials = Trials(broker, house.stores.one_time, house.opened.sealer, house.random)
    ticket = await trials.invite(issuer.pool.id, provider)
    print(f"Open in a browser: {issuer.url}/{PATH}?{urlencode({'ticket': ticket})}", file=sys.stderr)
    print(f"Waiting for the login to come back, {wait} s at most ...", file=sys.stderr, flush=True)
    for _ in range(int(wait / _LOOK_EVERY)):
        outcome = await trials.outcome(issuer.pool.id, ticket)
        if outcome is not None:
            return await judged(house.stores, issuer.pool, provider, outcome)
        await asyncio.sleep(_LOOK_EVERY)
    return Verdict(
        verified=False,
        error="timeout",
        reason=f"nothing came back within {wait} s",
        advice="is the server running, and reachable?",
    )


def _print(check: Check) -> None:
    advice = f"  -> {check.advice}" if check.advice else ""
    print(f"{_MARKS[check.outcome]}  {check.name}: {check.found}{advice}")


def _tell(verdict: "Verdict") -> None:
    if not verdict.verified:
        print(f"FAIL  login: {verdict.reason}" + (f"  -> {verdict.advice}" if verdict.advice else ""))
        return
    print(f"ok    login: {verdict.subject}")
    for title, values in (("claims", verdict.claims), ("mapped", verdict.mapped)):
        print(f"{title}:")
        for name, value in sorted((values or {}).items()):
            print(f"  {name} = {cell(value)}")
    for line in verdict.skipped:
        print(f"warn  not taken: {line}")
    if verdict.groups or verdict.unknown_groups:
        print(
            f"groups: {cell(verdict.groups)}"
            + (f" (not mapped: {cell(verdict.unknown_groups)})" if verdict.unknown_groups else "")
        )
    print(f"then: {verdict.decision}")
