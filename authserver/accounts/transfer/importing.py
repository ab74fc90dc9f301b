"""Creating the users of a file: first all of it is checked, then each row is one transaction.

Broken off anywhere, it can be run again: a row whose user is there with the same data is left as it is.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from authserver.accounts.transfer.checking import Checked, Names, check_row
from authserver.accounts.transfer.formats import UserFile
from authserver.accounts.transfer.rows import Fault, Row
from authserver.crypto.sealing import Sealer
from authserver.effects import Clock, Random
from authserver.errors import Conflict
from authserver.events import Emit, Event
from authserver.model.credentials import Credential, seed_record
from authserver.model.users import User
from authserver.store import Directory

Outcome = Literal["created", "unchanged", "different", "refused"]
"""`different`: there is a user of that name with other data, who was left alone."""

MOST_FAULTS = 100
_MOST_NOTES = 50
_SIDE_BY_SIDE = 64
_PAUSE = 1000

Progress = Callable[[str, int], None]
"""Told of the stage ("checked" or "imported") and how many rows it has behind it."""


@dataclass(slots=True)
class Report:
    """What came of a file. `faults` are the first of them by line; `notes` count what was lost, in words.

    `begun`: nothing was wrong with the file, so its users were created (or would be).
    """

    rows: int = 0
    begun: bool = False
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        """Whether every row is a user now."""
        return self.begun and not self.fault_count

    def blame(self, fault: Fault) -> None:
        """Count a fault, and keep it if it is among the first."""
        self.fault_count += 1
        self.faults.append(fault)
        if len(self.faults) > 2 * MOST_FAULTS:
            self.tidy()

    def note(self, notes: tuple[str, ...]) -> None:
        for sentence in notes:
            if sentence in self.notes or len(self.notes) < _MOST_NOTES:
                self.notes[sentence] += 1

    def tidy(self) -> None:
        """Keep the first faults, by line."""
        self.faults.sort(key=lambda fault: fault.line)
        del self.faults[MOST_FAULTS:]


class Import:
    """Imports files of users into a pool.

    Args:
        directory: where the users go.
        sealer: seals the seeds of authenticator apps.
    """

    def __init__(self, directory: Directory, sealer: Sealer, clock: Clock, random: Random, emit: Emit) -> None:
        self._directory = directory
        self._sealer = sealer
        self._clock = clock
        self._random = random
        self._emit = emit

    async def run(
        self, file: UserFile, *, dry_run: bool = False, progress: Progress = lambda _stage, _rows: None
    ) -> Report:
        """Check the file, and if nothing is wrong with it create its users.

        With `dry_run` they are only looked up. What fails of a single row, such as an address that another user has
        verified, is a fault of that row; the others are created all the same.

        Raises:
            Invalid: if the file as a whole cannot be read.
            OSError: likewise.
            StoreUnavailable: what was created stays; running it again creates the rest.
        """
        report = Report()
        names = Names()
        for item in file.rows():
            await self._check(file, item, report, names)
            if report.rows % _PAUSE == 0:
                progress("checked", report.rows)
                await asyncio.sleep(0)  # for whoever wants to break it off
        for fault in names.shared():
            report.blame(fault)
        progress("checked", report.rows)
        report.tidy()
        if report.fault_count:
            return report
        report.begun = True
        try:
            await self._all(file, report, dry_run=dry_run, progress=progress)
        finally:  # what was created stays, whatever ends it
            report.tidy()
            if not dry_run:
                details = {"count": report.outcomes["created"], "refused": report.fault_count}
                self._emit(Event("users.imported", file.pool.id, details=details))
        return report

    async def _check(self, file: UserFile, item: Row | Fault, report: Report, names: Names) -> None:
        report.rows += 1
        if isinstance(item, Fault):
            report.blame(item)
            return
        checked = check_row(file.pool, item, int(self._clock()), self._random.uuid)
        if isinstance(checked, list):
            for fault in checked:
                report.blame(fault)
        else:
            names.add(checked)
            report.note(checked.notes)

    async def _all(self, file: UserFile, report: Report, *, dry_run: bool, progress: Progress) -> None:
        rows = file.rows()
        deal = self._look if dry_run else self._create
        done = 0

        async def some() -> None:
            nonlocal done
            for checked in self._users(file, rows, report):
                report.outcomes[await deal(checked, report)] += 1
                done += 1
                if done % _PAUSE == 0:
                    progress("imported", done)

        tasks = [asyncio.create_task(some()) for _ in range(_SIDE_BY_SIDE)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        progress("imported", done)

    def _users(self, file: UserFile, rows: Iterator[Row | Fault], report: Report) -> Iterator[Checked]:
        """The users of the rows, once more: they were not kept, and the file may have changed."""
        for item in rows:
            found = [item] if isinstance(item, Fault) else None
            if not isinstance(item, Fault):
                checked = check_row(file.pool, item, int(self._clock()), self._random.uuid)
                if isinstance(checked, Checked):
                    yield checked
                    continue
                found = checked
            report.outcomes["refused"] += 1
            for fault in found or ():
                report.blame(fault)

    async def _create(self, checked: Checked, report: Report) -> Outcome:
        pool = checked.user.pool
        try:
            await self._directory.create_user(pool, checked.user, checked.password, self._apps(checked))
        except Conflict as conflict:
            return await self._present(checked, report, conflict.sentence)
        return "created"

    def _apps(self, checked: Checked) -> list[Credential]:
        """The authenticator apps of the row, sealed for this user."""
        user, made = checked.user, []
        for app in checked.row.authenticators:
            ident = self._random.token(16)
            sealed = self._sealer.seal(app.seed, seed_record(user.pool, user.id, ident))
            created_at = app.created_at if app.created_at is not None else int(self._clock())
            made.append(Credential(ident, user.pool, user.id, "totp", app.name, sealed=sealed, created_at=created_at))
        return made

    async def _look(self, checked: Checked, report: Report) -> Outcome:
        """What creating would do."""
        pool, user = checked.user.pool, checked.user
        taken = "created"
        if await self._directory.find_user(pool, user.username, ("username",)) is not None:
            taken = "The username is taken."
        elif user.email_verified and await self._directory.find_user(pool, user.email or "", ("email",)) is not None:
            taken = "The email address is taken."
        elif (
            user.phone_number_verified
            and await self._directory.find_user(pool, user.phone_number or "", ("phone_number",)) is not None
        ):
            taken = "The phone number is taken."
        elif checked.row.id is not None and await self._directory.user(pool, user.id) is not None:
            taken = "The user id is taken."
        return "created" if taken == "created" else await self._present(checked, report, taken)

    async def _present(self, checked: Checked, report: Report, sentence: str) -> Outcome:
        """What a row comes to that could not be created."""
        there = await self._directory.find_user(checked.user.pool, checked.user.username, ("username",))
        if there is None:
            report.blame(Fault(checked.row.line, sentence[0].lower() + sentence[1:].rstrip(".")))
            return "refused"
        if _same(there, checked):
            return "unchanged"
        report.blame(Fault(checked.row.line, f"the user {there.username} exists with other data, and was left alone"))
        return "different"


def _same(there: User, checked: Checked) -> bool:
    """Whether the user is the one of the row. Passwords, states and times move on once people sign in."""
    user = checked.user
    return (
        (checked.row.id is None or there.id == user.id)
        and there.email == user.email
        and there.phone_number == user.phone_number
        and dict(there.attributes) == dict(user.attributes)
        and set(there.groups) == set(user.groups)
    )
