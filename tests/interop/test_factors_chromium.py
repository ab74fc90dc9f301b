"""Passkeys made by Chromium's own authenticators, from our options as they are, with the browser's JSON as it is."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from authserver.model.pools import MfaPolicy
from tests import tools
from tests.factors import ADA, HERE, POOL, in_memory

pytestmark = pytest.mark.anyio

FIRST = replace(POOL, mfa=MfaPolicy("optional", POOL.mfa.factors, ("password", "passkey")))

CREATE = """async options => (await navigator.credentials.create(
    {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(options))})).toJSON()"""
GET = """async options => (await navigator.credentials.get(
    {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(options))})).toJSON()"""

LAPTOP = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
KINDS: dict[str, dict[str, Any]] = {
    "laptop": {**LAPTOP, "isUserVerified": True},
    "keychain": {
        **LAPTOP,
        "ctap2Version": "ctap2_1",
        "isUserVerified": True,
        "defaultBackupEligibility": True,
        "defaultBackupState": True,
    },
    "old security key": {"protocol": "u2f", "transport": "usb", "hasResidentKey": False, "hasUserVerification": False},
}


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("kind", KINDS)
async def test_chromium_registers_and_signs_in(origin: str, kind: str):
    executable = tools.chromium()
    from playwright.async_api import async_playwright

    weak = KINDS[kind]["protocol"] == "u2f"
    pool = POOL if weak else FIRST
    factors = await in_memory(base_url=origin)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=tools.chromium_arguments())
        try:
            page = await chromium.new_page()
            await page.goto(origin)
            devtools = await page.context.new_cdp_session(page)
            await devtools.send("WebAuthn.enable")
            options = {**KINDS[kind], "automaticPresenceSimulation": True}
            await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

            begun = await factors.passkeys.begin_registration(pool, ADA)
            made = json.dumps(await page.evaluate(CREATE, begun.options))
            kept = await factors.passkeys.finish_registration(pool, ADA, begun.challenge, made)
            assert kept.public["discoverable"] is (not weak)
            assert kept.public["backup_eligible"] is kept.public["backed_up"] is (kind == "keychain")
            assert kept.public["transports"] == [KINDS[kind]["transport"]]

            # A key that keeps nothing can only come second, when it is told which of its passkeys is meant.
            for user in (ADA,) if weak else (None, ADA):
                begun = await factors.passkeys.begin_authentication(pool, user)
                signed = json.dumps(await page.evaluate(GET, begun.options))
                proof = await factors.passkeys.finish_authentication(pool, user, begun.challenge, signed, HERE)
                assert (proof.user_id, proof.verified) == (ADA.id, not weak)
                assert proof.device_bound is (kind != "keychain")
        finally:
            await chromium.close()
