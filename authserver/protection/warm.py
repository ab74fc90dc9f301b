"""What the first sign-in would wait for."""

from authserver.protection.agents import describe
from authserver.protection.breached import BreachedPasswords
from authserver.protection.strength import measure


def warm() -> None:
    """Load the lists and patterns: half a second, for a thread once the server answers."""
    BreachedPasswords.warm()
    measure("x")
    describe("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
