"""The triggers of a pool, as commands reach them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, cast

from authserver.cli._context import House

if TYPE_CHECKING:
    from authserver.accounts.directory import Ask
    from authserver.effects import Http
    from authserver.model.pools import Pool
    from authserver.triggers.calls import Calls


class Reaching(Protocol):
    """What an open installation has beside its stores."""

    @property
    def trigger_calls(self) -> "Calls": ...
    @property
    def http(self) -> "Http": ...


def reaching(house: House) -> Reaching:
    """How the open installation reaches triggers, and where their calls are recorded."""
    return cast("Reaching", house.opened)


@asynccontextmanager
async def asking(house: House, pool: "Pool") -> AsyncIterator["Ask | None"]:
    """Asks the pool's `pre_sign_up` before a user is created; None where the pool has none."""
    if pool.trigger("pre_sign_up") is None:
        yield None
        return
    from authserver.accounts.hooks import Hooks
    from authserver.triggers import Triggers

    found = reaching(house)
    triggers = Triggers(
        http=found.http,
        sealer=house.opened.sealer,
        clock=house.clock,
        random=house.random,
        calls=found.trigger_calls,
        emit=house.emit,
    )
    try:
        yield Hooks(triggers).pre_sign_up_by_operator
    finally:
        await triggers.close()
