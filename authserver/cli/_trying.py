"""The stores of an installation tried, without making or changing any of it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from authserver.cli._context import Opened, Run
from authserver.crypto.secrets import digest
from authserver.errors import StoreUnavailable
from authserver.model.keys import SIGNING_ALGORITHMS
from authserver.opening import database_url
from authserver.settings import Settings, load_or_create_master_key, master_key_file

if TYPE_CHECKING:
    from authserver.adapters.sql.standing import Standing

_PROBE_LIFE = 5


async def try_stores(run: Run, settings: Settings) -> list[str]:
    """Read and write in every store. What starting would make or migrate is left to it: something else is tried instead.

    Returns:
        What was found, in sentences.

    Raises:
        Refusal: a store does not work (StoreUnavailable), or holds what this master key does not open (Unsealable).
        OSError: a file or folder of the settings cannot be read.
    """
    _refuse_unusable(settings.data_dir)
    standing = await run.standing(settings)
    with _beside(run, settings, standing) as tried:
        async with run.open_stores(tried, run.clock, run.random) as opened:
            await _probe(run, opened)
    if standing == "ready":
        return ["stores: reading and writing"]
    return [f"database: {_to_come(settings, standing)}", "stores but for the database: reading and writing"]


def _to_come(settings: Settings, standing: "Standing") -> str:
    from authserver.adapters.sql.url import sqlite_path

    if standing == "behind":
        return "of an earlier version; will be migrated at start"
    path = sqlite_path(database_url(settings))
    if path is not None and not Path(path).exists():
        return f"will be created at {path}"
    return "empty; its tables will be created at start"


def _refuse_unusable(data_dir: Path) -> None:
    """Raises StoreUnavailable where the data folder could not be used, or not be made."""
    there = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    if not there.is_dir():
        reason = f"{there} is no folder"
    elif not os.access(there, os.W_OK | os.X_OK):
        reason = f"{there} is not ours to write"
    else:
        return
    raise StoreUnavailable(
        f"The data folder {data_dir} (--data-dir, or `data_dir` of the settings) cannot be used: {reason}."
    )


@contextmanager
def _beside(run: Run, settings: Settings, standing: "Standing") -> Iterator[Settings]:
    """The settings, with a folder that is gone afterwards for whatever is not there yet."""
    with tempfile.TemporaryDirectory(prefix="poolgate-") as folder:
        has_key = settings.master_key is not None or master_key_file(settings).exists()
        has_valkey = settings.redis_url is None and (settings.data_dir / "valkey").exists()
        yield replace(
            settings,
            database_url=database_url(settings) if standing == "ready" else f"sqlite:///{folder}/poolgate.sqlite",
            master_key=load_or_create_master_key(settings, run.random) if has_key else run.random.bytes(32),
            data_dir=settings.data_dir if has_valkey else Path(folder),
        )


async def _probe(run: Run, opened: Opened) -> None:
    """Read and write in every store; leave nothing behind. Raises StoreUnavailable, or Unsealable for another key."""
    stores, probe = opened.stores, digest(run.random.token())
    await stores.grants.purge(int(run.clock()))  # a write that is due anyway
    await stores.one_time.put("-", "check", probe, b"1", _PROBE_LIFE)
    if await stores.one_time.spend("-", "check", probe) is None:
        raise StoreUnavailable(detail="what was just written could not be read back")
    for pool in await stores.registry.pools():
        kinds = {key.alg for key in await stores.registry.keys(pool.id) if key.state == "current"}
        for alg in SIGNING_ALGORITHMS:
            if alg in kinds:
                await opened.key_ring.signer(pool.id, alg)
