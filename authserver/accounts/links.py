"""Links in messages: to our own pages, below the public origin of the settings and nothing else (security reference W6)."""

from collections.abc import Callable

from authserver.model.pools import Pool


class Links:
    """Makes links.

    Args:
        base_url: the public origin.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def to(self, pool: Pool, page: str) -> Callable[[str], str]:
        """A function that puts a token into the address of the pool's page of that name."""
        return lambda token: f"{self._base_url}/{pool.id}/{page}?token={token}"

    def page(self, pool: Pool, page: str) -> str:
        """The address of the pool's page itself."""
        return f"{self._base_url}/{pool.id}/{page}"
