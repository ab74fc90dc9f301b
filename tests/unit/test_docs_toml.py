"""Every piece of TOML in docs/ is a whole file: it may be pasted as it stands."""

import re
from pathlib import Path

import pytest

from authserver.cli._branding import refuse_bad_branding
from authserver.poolfile import load_pool_file
from authserver.settings import load_settings
from tests.federation.saml.standin import key
from tests.unit.test_poolfile_service_providers import metadata

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
SNIPPETS = {
    f"{page.stem}-{number}": snippet
    for page in PAGES
    for number, snippet in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL), 1)
}
POOL_FILES = {name for name, snippet in SNIPPETS.items() if "[pool" in snippet}
ENVIRON = {
    **dict.fromkeys(
        ("PAYROLL_SECRET", "HOOK_SECRET", "SIGN_UP_HOOK_SECRET", "LDAP_PASSWORD"), "for-the-test-alone-4Hs8Xq2m"
    ),
    "MAIL_URL": "smtp://user:password@mail.example.com:587",
    "SMS_URL": "https://sms.example.com/send",
}


@pytest.mark.parametrize("name", sorted(POOL_FILES))
def test_a_pool_file_of_the_docs_can_be_applied(tmp_path: Path, name: str) -> None:
    path = tmp_path / "pool.toml"
    path.write_text(SNIPPETS[name])
    (tmp_path / "wiki-metadata.xml").write_text(metadata())
    (tmp_path / "wiki.pem").write_text(key("wiki").pem)
    file = load_pool_file(path, environ=ENVIRON)
    refuse_bad_branding([file])


@pytest.mark.parametrize("name", sorted(SNIPPETS.keys() - POOL_FILES))
def test_settings_of_the_docs_can_be_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "poolgate.toml"
    path.write_text(SNIPPETS[name])
    load_settings(path, environ=ENVIRON, folder=tmp_path)


def test_both_kinds_are_found() -> None:
    assert {"sign-in-1", "branding-1"} <= POOL_FILES
    assert "operation-1" in SNIPPETS.keys() - POOL_FILES
