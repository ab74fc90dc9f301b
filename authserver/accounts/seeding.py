"""The first users of a pool file: whether they can be created, and what they become."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from authserver.accounts.changes import SECRET_SET, FieldChange
from authserver.accounts.directory import NewUser, new_user_faults
from authserver.crypto.foreign_hashes import needs_extra, parse
from authserver.poolfile import PoolFile, UserSeed
from authserver.store import Directory
from authserver.tomlfile import Fault


async def taken_addresses(directory: Directory, pool: str, seed: UserSeed) -> set[str]:
    """The verified addresses of the seed that users have already. Raises StoreUnavailable."""
    taken: set[str] = set()
    if seed.email and seed.email_verified and await directory.find_user(pool, seed.email, ("email",)) is not None:
        taken.add(seed.email)
    number = seed.phone_number if seed.phone_number_verified else None
    if number and await directory.find_user(pool, number, ("phone_number",)) is not None:
        taken.add(number)
    return taken


def seed_fields(seed: UserSeed) -> tuple[FieldChange, ...]:
    """What a plan shows of a user to create; of a password only that there is one."""
    shown: dict[str, object] = {
        "email": seed.email,
        "phone_number": seed.phone_number,
        "groups": list(seed.groups),
        **seed.attributes,
        "password": SECRET_SET if seed.password is not None or seed.password_hash is not None else None,
    }
    return tuple(FieldChange(name, None, value) for name, value in shown.items() if value)


def user_faults(file: PoolFile, users: Iterable[UserSeed], taken: Collection[str] = ()) -> list[Fault]:
    """What keeps users of the file from being created.

    Args:
        taken: verified addresses that other users have.
    """
    faults: list[Fault] = []
    for seed in users:
        label = f"the user `{seed.username}` cannot be created"
        for name, value in (("email address", seed.email), ("phone number", seed.phone_number)):
            if value in taken:
                faults.append(file.fault(seed.line, f"{label}: the {name} {value} is another user's"))
        for key, sentence in (*_hash_faults(seed), *new_user_faults(file.pool, _without_hash(seed))):
            faults.append(file.fault(seed.line, f"{label}: `{key}` {sentence}"))
    return faults


def seed_faults(file: PoolFile) -> list[Fault]:
    """What would keep the file's users from being created anywhere, such as a password that breaks the policy."""
    return user_faults(file, file.users)


def new_user(seed: UserSeed) -> NewUser:
    """The user to create, with the hash in its one form. Raises ValueError for a hash of none."""
    encoded = parse(seed.password_hash).text() if seed.password_hash is not None else None
    return replace(_without_hash(seed), password_hash=encoded)


def _hash_faults(seed: UserSeed) -> Iterator[tuple[str, str]]:
    """A hash of no known form, one that would burn minutes or gigabytes at each sign-in, or one that nobody here reads."""
    if seed.password_hash is None:
        return
    try:
        found = parse(seed.password_hash)
    except ValueError as error:
        yield "password_hash", str(error)
        return
    if (extra := needs_extra(found)) is not None:
        yield "password_hash", f"needs a library that is not installed: pip install 'poolgate[{extra}]'"


def _without_hash(seed: UserSeed) -> NewUser:
    return NewUser(
        username=seed.username,
        password=seed.password.value if seed.password is not None else None,
        email=seed.email,
        email_verified=seed.email_verified,
        phone_number=seed.phone_number,
        phone_number_verified=seed.phone_number_verified,
        groups=seed.groups,
        attributes=seed.attributes,
    )
