"""The package as API teams install it: small, alone, and quick to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import resource_servers

PACKAGE = Path(resource_servers.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def test_every_public_name_is_there() -> None:
    for name in resource_servers.__all__:
        assert getattr(resource_servers, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        resource_servers.nothing  # noqa: B018 - the question is the test


def test_nothing_slow_and_no_framework_is_loaded() -> None:
    """httpx waits for the first fetch; Starlette is not needed at all."""
    modules = ", ".join(f"resource_servers.{name}" for name in MODULES if name != "__init__")
    code = f"import sys, {modules}; print(*sorted({{'httpx', 'starlette', 'anyio', 'authlib'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""


def test_the_face_alone_loads_nothing() -> None:
    code = "import resource_servers, sys; print(resource_servers.__version__, 'cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [resource_servers.__version__, "False"]


@pytest.mark.parametrize("module", MODULES)
def test_only_the_base_dependencies_are_imported(module: str) -> None:
    allowed = {*sys.stdlib_module_names, "resource_servers", "cryptography", "joserfc", "httpx"}
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert {name.partition(".")[0] for name in names} <= allowed


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
