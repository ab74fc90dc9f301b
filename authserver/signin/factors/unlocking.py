"""Opening an account again that guessing has closed: what was counted against it is forgotten."""

from itertools import product

from authserver.accounts.mail_codes.limits import keys_of_account
from authserver.events import OPERATOR, Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.challenge_state import begun_key
from authserver.store import Counters, Credentials, Directory

GUESSED = ("password", "totp", "backup_codes", "custom")
"""The factors whose tries are counted by account (`Guessing.admit`, `PasswordFactor`)."""


class Unlocking:
    """Forgets wrong tries, and codes asked for. What is counted by network address or by the address of a message stays
    counted: it is no account's alone.
    """

    def __init__(self, directory: Directory, credentials: Credentials, counters: Counters, emit: Emit) -> None:
        self._directory = directory
        self._credentials = credentials
        self._counters = counters
        self._emit = emit

    async def unlock(self, pool: Pool, user: User) -> int:
        """Let every factor of the user be tried again, on every browser. Returns how many wrong tries in a row there
        were.
        """
        failures = await self._directory.password_failures(pool.id, user.id)
        await self._directory.clear_password_failures(pool.id, user.id)
        browsers = ("", *(device.id for device in await self._credentials.devices(pool.id, user.id)))
        for factor, browser in product(GUESSED, browsers):
            await self._counters.clear_guesses(pool.id, f"{factor} {user.id} {browser}")
            await self._counters.clear_within(pool.id, f"day {factor} {user.id} {browser}")
        for browser in browsers:
            for key in (*keys_of_account(user.id, browser), begun_key(user.id, browser)):
                await self._counters.clear_within(pool.id, key)
        self._emit(Event("user.unlocked", pool.id, user.id, actor=OPERATOR))
        return failures
