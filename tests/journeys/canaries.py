"""A journey with a secret at every turn, and a log turned up as far as it goes: run by `test_log_secrecy`.

Logs go to standard error, as everywhere; the secrets that must not be among them go to standard output, as JSON, with
the ids of the requests that failed.
"""

import asyncio
import json
import re
import sys
from typing import Any

from authserver.errors import StoreUnavailable
from authserver.logs import configure
from tests.journeys.house import ADA, ISSUER, PASSWORD, POOL, SECRET, VERIFIER, answered, hidden, house
from tests.journeys.test_operations import Failing


async def journey() -> dict[str, Any]:
    """Everything once, in order and out of order. Returns what the log must not hold, and the ids it must."""
    found: dict[str, str] = {
        "password": PASSWORD,
        "client secret": SECRET,
        "verifier": VERIFIER,
        "wrong password": "canary-wrong-password",
        "password typed as a name": "canary-typed-as-a-name",
        "wrong client secret": "canary-wrong-secret-0123",
        "state": "canary-state-0123456789",
        "nonce": "canary-nonce-0123456789",
        "unknown code": "canary-code-0123456789",
        "unknown refresh token": "canary-refresh-0123456789",
        "token as a query": "canary-query-0123456789",
        "invented cookie": "canary-cookie-0123456789",
        "invented csrf": "canary-csrf-0123456789",
        "hint": "canary-hint-0123456789",
        "attribute": "canary-attribute-0123456789",
        "form value": "canary-form-0123456789",
    }
    faults: dict[str, Failing] = {}

    def decorate(stores: Any) -> Any:
        from dataclasses import replace

        faults["directory"] = Failing(stores.directory)
        faults["grants"] = Failing(stores.grants)
        return replace(stores, **faults)

    failed = []
    async with house(decorate=decorate, talkative=True) as at:
        await at.change_user(ADA, attributes={"nickname": found["attribute"]})
        browser = at.browser()
        asked = {"state": found["state"], "nonce": found["nonce"], "login_hint": found["hint"]}
        page = await browser.login_page(**asked)
        found["sign-in form"] = hidden(page)["csrf"]
        await browser.submit(page, step="identifier", username="ada", csrf=found["invented csrf"])
        page = await browser.open(
            await browser.submit(page, step="identifier", username=found["password typed as a name"])
        )
        await browser.submit(page, step="password", password=found["wrong password"])
        answer = await browser.sign_in(**asked)
        found["code"] = answered(answer)["code"]
        first = (await browser.redeem(found["code"])).json()
        second = (await browser.refresh(first["refresh_token"])).json()
        for n, tokens in enumerate((first, second), 1):
            found |= {f"{kind} {n}": tokens[kind] for kind in ("access_token", "refresh_token", "id_token")}
            await browser.userinfo(tokens["access_token"])
        found["signature"] = first["access_token"].rpartition(".")[2]
        found["session cookie"] = browser.cookie("session") or ""
        found["browser cookie"] = browser.cookie("browser") or ""
        await browser.redeem(found["code"])
        await browser.redeem(found["unknown code"])
        await browser.refresh(found["unknown refresh token"])
        await browser.token("web", found["wrong client secret"], grant_type="client_credentials")
        await browser.http.get(f"{ISSUER}/oauth2/userInfo", params={"access_token": found["token as a query"]})
        await browser.http.get(f"{ISSUER}/oauth2/authorize", params={"client_id": found["form value"]})
        await browser.http.post(
            f"{ISSUER}/oauth2/token", data={"grant_type": found["form value"]}, auth=("web", SECRET)
        )
        await browser.revoke(found["access_token 2"][:-1])
        await browser.revoke(second["refresh_token"])
        await browser.http.get(f"{ISSUER}/oauth2/logout", params={"id_token_hint": found["id_token 1"] + "x"})
        stranger = at.browser()
        stranger.set_cookie(f"{POOL}-session", found["invented cookie"])
        await stranger.authorize()
        page = await browser.login_page(prompt="login", **asked)
        page = await browser.http.get(str(page.url))
        found["password form"] = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
        # Every local variable on the way to a fault is a secret here.
        for fault in (StoreUnavailable(detail="no connection"), RuntimeError("broken")):
            code, live = await browser.code(), await browser.tokens()
            found |= {f"code before {fault!r}": code, f"token before {fault!r}": live["access_token"]}
            for failing in faults.values():
                failing.fault = fault
            for broken in (
                await browser.submit(page, step="password", password=PASSWORD),
                await browser.redeem(code),
                await browser.refresh(live["refresh_token"]),
                await browser.userinfo(live["access_token"]),
            ):
                assert broken.status_code >= 500, broken.text
                if broken.status_code == 500:
                    failed.append(broken.headers["x-request-id"])
            for failing in faults.values():
                failing.fault = None
        await browser.http.get(f"{ISSUER}/oauth2/logout", params={"id_token_hint": found["id_token 1"]})
    return {"secrets": found, "failed": failed}


if __name__ == "__main__":
    configure(sys.argv[1], "debug")
    print(json.dumps(asyncio.run(journey())))
