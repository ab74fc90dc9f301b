"""Writing users out, page by page: as JSON lines that can be imported again whole, or as CSV for other programs."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from authserver.accounts.transfer.csv_file import OWN, columns, escape
from authserver.accounts.transfer.own_lines import entry_of
from authserver.model.pools import Pool
from authserver.model.users import PasswordCredential, User, UserFilter
from authserver.store import Directory
from authserver.store.protocols import EVERYBODY

_PAGE = 500

Write = Callable[[str], object]
"""Takes text of whole lines."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How many users were written."""

    users: int


async def export_lines(
    directory: Directory,
    pool: Pool,
    write: Write,
    wanted: UserFilter = EVERYBODY,
    *,
    with_hashes: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write users as JSON lines, by username. With their hashes, importing them again makes the same users.

    Factors other than the password are not among it: TOTP seeds are sealed, and passkeys belong to one origin.
    """
    count = 0
    async for page in _pages(directory, pool, wanted, with_hashes=with_hashes):
        lines = [
            json.dumps(entry_of(user, password, with_hashes=with_hashes), ensure_ascii=False, separators=(",", ":"))
            for user, password in page
        ]
        write("".join(f"{line}\n" for line in lines))
        count += len(page)
        progress(count)
    return Exported(count)


async def export_csv(
    directory: Directory,
    pool: Pool,
    write: Write,
    wanted: UserFilter = EVERYBODY,
    *,
    with_hashes: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write users as CSV, with a header. Texts that a spreadsheet would take for formulas get an apostrophe in front."""
    names = columns(pool)
    _write_rows(write, [[*names, *(("password_hash",) if with_hashes else ())]])
    count = 0
    async for page in _pages(directory, pool, wanted, with_hashes=with_hashes):
        _write_rows(
            write,
            [
                [*_cells(names, user), *((password.hash if password is not None else "",) if with_hashes else ())]
                for user, password in page
            ],
        )
        count += len(page)
        progress(count)
    return Exported(count)


async def _pages(
    directory: Directory, pool: Pool, wanted: UserFilter, *, with_hashes: bool
) -> AsyncIterator[list[tuple[User, PasswordCredential | None]]]:
    after: str | None = None
    while page := await directory.users(pool.id, wanted, limit=_PAGE, after=after):
        passwords: Sequence[PasswordCredential | None] = [None] * len(page)
        if with_hashes:
            passwords = await asyncio.gather(*(directory.password(pool.id, user.id) for user in page))
        yield list(zip(page, passwords, strict=True))
        after = page[-1].username


def _cells(names: Sequence[str], user: User) -> list[str]:
    own: dict[str, object] = {name: getattr(user, name) for name in OWN}
    own["groups"] = " ".join(user.groups)
    return [_cell(own[name] if name in own else user.attributes.get(name)) for name in names]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return escape(str(value))


def _write_rows(write: Write, rows: Sequence[Sequence[str]]) -> None:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    write(lines.getvalue())
