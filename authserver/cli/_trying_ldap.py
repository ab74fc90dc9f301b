"""The directories of pool files tried: connected to, bound as the pool's own account, looked into. Nobody's password is."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from authserver.cli._context import Run, reaching_this_machine

if TYPE_CHECKING:
    from authserver.poolfile import PoolFile
    from authserver.settings import Settings


async def try_directories(run: Run, settings: "Settings", files: Iterable["PoolFile"]) -> tuple[list[str], list[str]]:
    """What was found, and what does not work, in sentences."""
    named = [file for file in files if file.pool.ldap.enabled]
    if not named:
        return [], []
    from authserver.adapters.ldap import LdapDirectories
    from authserver.crypto.sealing import Sealer
    from authserver.errors import TriggerFailed
    from authserver.outbound.streams import Streams

    streams = Streams(reaching_this_machine(settings).outbound_allow)
    # What is sealed is not needed: the files have the passwords themselves.
    directories = LdapDirectories(streams, Sealer(run.random.bytes(32), run.random), run.clock)

    async def fault(file: "PoolFile") -> str | None:
        password = file.ldap_password.value if file.ldap_password is not None else ""
        try:
            await directories.examine(file.pool.ldap, password)
        except TriggerFailed as failed:
            return failed.detail
        return None

    try:
        faults = await asyncio.gather(*(fault(file) for file in named))
    finally:
        directories.close()
    tried = list(zip(named, faults, strict=True))
    return (
        [f"directory: {file.pool.ldap.url} lets us search {file.pool.ldap.base_dn}" for file, f in tried if f is None],
        [f"{file.name}: the directory {file.pool.ldap.url} does not work: {f}" for file, f in tried if f is not None],
    )
