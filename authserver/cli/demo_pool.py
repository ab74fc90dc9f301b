"""Where the demo pool's file is: beside this module in a wheel, in `config/pools` of the repository otherwise."""

from pathlib import Path

from authserver.errors import NotFound

DEMO_POOL = "demo_Pool1"
"""Its passwords and secrets stand in the documentation."""


def demo_pool_file() -> Path:
    """The path of the demo pool file. Raises NotFound if the installation lacks it."""
    here = Path(__file__).parent
    for path in (here / "demo.toml", here.parent.parent / "config" / "pools" / "demo.toml"):
        if path.is_file():
            return path
    raise NotFound("The demo pool file (demo.toml) is missing; install poolgate again.")
