"""The Directory in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from operator import itemgetter

from authserver.errors import Conflict, NotFound
from authserver.model.credentials import Credential
from authserver.model.users import PasswordCredential, User, UserFilter, UserState, fold
from authserver.store.protocols import EVERYBODY
from authserver.store.search import found_by, search_words
from federation.model import LinkedIdentity

Key = tuple[str, str]


class MemoryDirectory:
    def __init__(
        self,
        on_user_deleted: Callable[[str, str], None] = lambda _pool, _user: None,
        add_credentials: Callable[[str, Sequence[Credential]], None] = lambda _pool, _credentials: None,
        add_identities: Callable[[str, Sequence[LinkedIdentity]], None] = lambda _pool, _identities: None,
    ) -> None:
        self._users: dict[Key, User] = {}
        self._passwords: dict[Key, PasswordCredential] = {}
        self._failures: dict[Key, int] = {}
        self._on_user_deleted = on_user_deleted
        self._add_credentials = add_credentials
        self._add_identities = add_identities

    def _of_pool(self, pool: str) -> list[User]:
        return [u for (p, _), u in self._users.items() if p == pool]

    def _check_unique(self, pool: str, user: User) -> None:
        for other in self._of_pool(pool):
            if other.id == user.id:
                continue
            if fold(other.username) == fold(user.username):
                raise Conflict("The username is taken.")
            if (
                user.email
                and user.email_verified
                and other.email_verified
                and fold(other.email or "") == fold(user.email)
            ):
                raise Conflict("The email address is taken.")
            if (
                user.phone_number
                and user.phone_number_verified
                and other.phone_number_verified
                and other.phone_number == user.phone_number
            ):
                raise Conflict("The phone number is taken.")

    async def create_user(
        self,
        pool: str,
        user: User,
        password: PasswordCredential | None = None,
        credentials: Sequence[Credential] = (),
        identities: Sequence[LinkedIdentity] = (),
    ) -> None:
        if (pool, user.id) in self._users:
            raise Conflict("The user id is taken.")
        self._check_unique(pool, user)
        self._add_identities(pool, identities)
        self._add_credentials(pool, credentials)
        self._users[pool, user.id] = user
        if password is not None:
            self._passwords[pool, user.id] = password

    async def user(self, pool: str, user_id: str) -> User | None:
        return self.look_up(pool, user_id)

    def look_up(self, pool: str, user_id: str) -> User | None:
        """For the Grants role, whose facts of a refresh hold the user too."""
        return self._users.get((pool, user_id))

    async def find_user(self, pool: str, identifier: str, by: Sequence[str]) -> User | None:
        folded = fold(identifier)
        if not folded:
            return None

        def name(user: User, kind: str) -> str | None:
            if kind == "username":
                return user.username
            if kind == "email":
                return user.email if user.email_verified else None
            if kind == "phone_number":
                return user.phone_number if user.phone_number_verified else None
            value = user.attributes.get("preferred_username")
            return value if isinstance(value, str) else None

        for kind in ("username", "email", "phone_number", "preferred_username"):
            if kind not in by:
                continue
            found = [u for u in self._of_pool(pool) if fold(name(u, kind) or "") == folded]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _wanted(self, pool: str, wanted: UserFilter) -> list[User]:
        words = search_words(wanted.search) if wanted.search and wanted.search.strip() else ()
        return sorted((u for u in self._of_pool(pool) if _fits(u, wanted, words)), key=lambda u: fold(u.username))

    async def users(
        self, pool: str, wanted: UserFilter = EVERYBODY, *, limit: int = 50, after: str | None = None
    ) -> list[User]:
        page = (u for u in self._wanted(pool, wanted) if after is None or fold(u.username) > fold(after))
        return list(islice(page, limit))

    async def count_users(self, pool: str, wanted: UserFilter = EVERYBODY, *, at_most: int = 10_000) -> int:
        return min(len(self._wanted(pool, wanted)), at_most)

    async def change_user(self, pool: str, user_id: str, change: Callable[[User], User]) -> User:
        user = self._users.get((pool, user_id))
        if user is None:
            raise NotFound(detail=f"no user {user_id}")
        changed = replace(change(user), id=user.id, pool=user.pool, created_at=user.created_at)
        self._check_unique(pool, changed)
        self._users[pool, user_id] = changed
        return changed

    async def due_for_deletion(self, now: int, limit: int = 100) -> list[User]:
        due = [(u.delete_after, u.id, u) for u in self._users.values() if u.delete_after is not None]
        return [user for after, _, user in sorted(due, key=itemgetter(0, 1)) if after <= now][:limit]

    async def delete_user(self, pool: str, user_id: str, *, state: UserState | None = None) -> bool:
        key = (pool, user_id)
        user = self._users.get(key)
        if user is None or (state is not None and user.state != state):
            return False
        del self._users[key]
        self._passwords.pop(key, None)
        self._failures.pop(key, None)
        self._on_user_deleted(pool, user_id)
        return True

    async def password(self, pool: str, user_id: str) -> PasswordCredential | None:
        return self._passwords.get((pool, user_id))

    async def set_password(self, pool: str, credential: PasswordCredential, *, replaces: str | None = None) -> bool:
        key = (pool, credential.user_id)
        if key not in self._users:
            return False
        if replaces is not None and (key not in self._passwords or self._passwords[key].hash != replaces):
            return False
        self._passwords[key] = credential
        return True

    async def count_password_failure(self, pool: str, user_id: str) -> int:
        key = (pool, user_id)
        if key not in self._users:
            return 0
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._failures[key]

    async def password_failures(self, pool: str, user_id: str) -> int:
        return self._failures.get((pool, user_id), 0)

    async def clear_password_failures(self, pool: str, user_id: str) -> None:
        self._failures.pop((pool, user_id), None)


def _fits(user: User, wanted: UserFilter, words: Sequence[str] | None) -> bool:
    return (
        words is not None
        and found_by(user, words)
        and (wanted.state is None or user.state == wanted.state)
        and (wanted.group is None or wanted.group in user.groups)
        and (wanted.email is None or fold(user.email or "") == fold(wanted.email) != "")
        and (wanted.phone_number is None or fold(user.phone_number or "") == fold(wanted.phone_number) != "")
        and (wanted.created_since is None or user.created_at >= wanted.created_since)
        and (wanted.created_until is None or user.created_at < wanted.created_until)
    )
