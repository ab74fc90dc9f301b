"""The Credentials in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from authserver.errors import Conflict, NotFound
from authserver.model.credentials import Credential, Device
from authserver.model.users import User

Key = tuple[str, str]

MAX_DEVICES = 20


class MemoryCredentials:
    def __init__(self) -> None:
        self.user_of: Callable[[str, str], User | None] = lambda _pool, _user: None
        self._credentials: dict[Key, Credential] = {}
        self._codes: dict[Key, dict[str, int | None]] = {}
        self._former: dict[Key, list[str]] = {}
        self._devices: dict[Key, dict[str, Device]] = {}

    def forget_user(self, pool: str, user_id: str) -> None:
        self._credentials = {k: c for k, c in self._credentials.items() if (k[0], c.user_id) != (pool, user_id)}
        for of_user in (self._codes, self._former, self._devices):
            of_user.pop((pool, user_id), None)

    def _require_user(self, pool: str, user_id: str) -> None:
        if self.user_of(pool, user_id) is None:
            raise NotFound(detail=f"no user {user_id}")

    async def add_credential(self, pool: str, credential: Credential) -> None:
        self._require_user(pool, credential.user_id)
        self.add(pool, [credential])

    def add(self, pool: str, credentials: Sequence[Credential]) -> None:
        """All of them or none. Raises Conflict."""
        added = dict(self._credentials)
        for credential in credentials:
            if (pool, credential.id) in added:
                raise Conflict(detail="credential id taken")
            if credential.handle is not None and any(
                p == pool and c.handle == credential.handle for (p, _), c in added.items()
            ):
                raise Conflict(detail="credential handle taken")
            added[pool, credential.id] = credential
        self._credentials = added

    async def credentials(self, pool: str, user_id: str) -> list[Credential]:
        own = [c for (p, _), c in self._credentials.items() if p == pool and c.user_id == user_id]
        return sorted(own, key=lambda c: (c.created_at, c.id))

    async def credential_of_handle(self, pool: str, handle: str) -> Credential | None:
        return next((c for (p, _), c in self._credentials.items() if p == pool and c.handle == handle), None)

    async def use_credential(
        self, pool: str, credential_id: str, *, counter: int, now: int, strictly: bool = True
    ) -> bool:
        credential = self._credentials.get((pool, credential_id))
        if credential is None:
            return False
        if not (credential.counter < counter or (not strictly and credential.counter == counter == 0)):
            return False
        self._credentials[pool, credential_id] = replace(credential, counter=counter, last_used_at=now)
        return True

    async def rename_credential(self, pool: str, user_id: str, credential_id: str, name: str) -> bool:
        credential = self._credentials.get((pool, credential_id))
        if credential is None or credential.user_id != user_id:
            return False
        self._credentials[pool, credential_id] = replace(credential, name=name)
        return True

    async def delete_credential(self, pool: str, user_id: str, credential_id: str) -> bool:
        credential = self._credentials.get((pool, credential_id))
        if credential is None or credential.user_id != user_id:
            return False
        del self._credentials[pool, credential_id]
        return True

    async def delete_credentials(self, pool: str, user_id: str) -> int:
        own = await self.credentials(pool, user_id)
        for credential in own:
            del self._credentials[pool, credential.id]
        self._codes.pop((pool, user_id), None)
        return len(own)

    async def put_backup_codes(self, pool: str, user_id: str, digests: Sequence[str], now: int) -> None:  # noqa: ARG002 - the seam's
        self._codes.pop((pool, user_id), None)
        if digests:
            self._require_user(pool, user_id)
            self._codes[pool, user_id] = dict.fromkeys(digests)

    async def spend_backup_code(self, pool: str, user_id: str, digest: str, now: int) -> bool:
        codes = self._codes.get((pool, user_id), {})
        if digest not in codes or codes[digest] is not None:
            return False
        codes[digest] = now
        return True

    async def backup_codes_left(self, pool: str, user_id: str) -> int:
        return sum(used_at is None for used_at in self._codes.get((pool, user_id), {}).values())

    async def former_passwords(self, pool: str, user_id: str, count: int) -> list[str]:
        return self._former.get((pool, user_id), [])[:count]

    async def note_former_password(self, pool: str, user_id: str, encoded: str, now: int, keep: int) -> None:  # noqa: ARG002 - the seam's
        if self.user_of(pool, user_id) is not None:
            self._former[pool, user_id] = [encoded, *self._former.get((pool, user_id), [])][:keep]

    async def device(self, pool: str, user_id: str, device: str) -> Device | None:
        return self._devices.get((pool, user_id), {}).get(device)

    async def devices(self, pool: str, user_id: str) -> list[Device]:
        return sorted(self._devices.get((pool, user_id), {}).values(), key=lambda d: (-d.last_seen, d.id))

    async def put_device(self, pool: str, device: Device) -> None:
        if self.user_of(pool, device.user_id) is None:
            return
        own = self._devices.setdefault((pool, device.user_id), {})
        there = own.get(device.id)
        own[device.id] = replace(device, first_seen=there.first_seen) if there is not None else device
        # One that has just been put stays, whatever its time.
        newest = sorted(own.values(), key=lambda d: (-d.last_seen, d.id != device.id, d.id))
        for stale in newest[MAX_DEVICES:]:
            del own[stale.id]

    async def delete_device(self, pool: str, user_id: str, device: str) -> bool:
        return self._devices.get((pool, user_id), {}).pop(device, None) is not None

    async def delete_devices(self, pool: str, user_id: str) -> int:
        return len(self._devices.pop((pool, user_id), {}))
