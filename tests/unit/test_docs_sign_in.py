"""The pool files in docs/sign-in.md are good ones."""

import re
from pathlib import Path

import pytest

from authserver.poolfile import load_pool_file

PAGE = Path(__file__).parents[2] / "docs" / "sign-in.md"
SNIPPETS = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[str(n) for n in range(1, len(SNIPPETS) + 1)])
def test_a_pool_file_of_the_page_can_be_applied(tmp_path: Path, snippet: str) -> None:
    path = tmp_path / "pool.toml"
    path.write_text(snippet)
    environ = dict.fromkeys(("PAYROLL_SECRET", "HOOK_SECRET"), "for-the-test-alone-4Hs8Xq2m")
    assert load_pool_file(path, environ=environ).pool.id == "acme_Pool1"
