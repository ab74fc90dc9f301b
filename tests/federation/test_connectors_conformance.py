"""Every kind that comes back with a code does what all of them must do."""

import subprocess
import sys

import pytest

from federation.connectors import TYPES, kind_of
from federation.errors import Misconfigured
from tests.federation.cases import BY_TYPE, CASES
from tests.federation.conformance import Case, Conformance

pytestmark = pytest.mark.anyio


@pytest.fixture(params=CASES, ids=lambda case: case.type)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


class TestConnectors(Conformance):
    pass


def test_every_type_but_saml_runs_the_suite() -> None:
    assert set(BY_TYPE) == set(TYPES) - {"saml"}


def test_kinds_load_nothing_slow() -> None:
    program = (
        "import sys\n"
        "from federation.connectors import kind_of\n"
        f"for type_ in {sorted(BY_TYPE)}: kind_of(type_)\n"
        "slow = {'joserfc', 'cryptography', 'httpx', 'saml2'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {slow}' if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_an_unknown_type_is_named() -> None:
    with pytest.raises(Misconfigured) as refusal:
        kind_of("myspace")
    assert refusal.value.setting == "type"
