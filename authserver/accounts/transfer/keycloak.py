"""Keycloak: the users of a realm export (`kc.sh export --users realm_file`, or a file of `different_files`)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from authserver.accounts.transfer.json_stream import array_entries
from authserver.accounts.transfer.rows import (
    Authenticator,
    BadRow,
    Entry,
    Fault,
    Row,
    flag,
    hashed,
    read_entries,
    seconds,
    text,
)
from authserver.crypto.foreign_seeds import keycloak_seed
from authserver.crypto.foreign_systems import from_keycloak
from authserver.model.users import UserState
from authserver.rules.attributes import TEXT_CLAIMS

_CLAIMS = {
    **{name: name for name in TEXT_CLAIMS},
    "firstName": "given_name",
    "lastName": "family_name",
    "middleName": "middle_name",
    "phoneNumber": "phone_number",
    "phoneNumberVerified": "phone_number_verified",
    "phone_number": "phone_number",
    "phone_number_verified": "phone_number_verified",
}
_MOST_AUTHENTICATORS = 5  # as many as a user may set up here
_LONGEST_NAME = 64
_OTHER_CODES = "an authenticator app has to be set up again: its codes are not of SHA-1, six digits and 30 seconds"
_TRUE = frozenset({"true", "1", "yes"})


def read_keycloak(file: BinaryIO, custom: frozenset[str]) -> Iterator[Row | Fault]:
    """The users of an export. `custom` are the attributes that the pool defines: others than claims are kept if the pool
    has them as `custom:NAME`.
    """
    return read_entries(array_entries(file, "users"), lambda line, entry: _row(line, entry, custom))


def _row(line: int, entry: Entry, custom: frozenset[str]) -> Row | None:
    if entry.get("serviceAccountClientId") or entry.get("serviceAccountClientLink"):
        return None  # stands for a client, not for a person
    notes: list[str] = []
    attributes, own = _attributes(entry, custom, notes)
    credentials = _credentials(entry)
    password, temporary = _password(credentials["password"])
    authenticators = _authenticators(credentials["otp"], notes)
    notes.extend(
        f"a second factor of the kind {kind} has to be set up again"
        for kind in credentials
        if kind not in {"password", "otp"}
    )
    if entry.get("federatedIdentities"):
        notes.append("sign-in through other providers has to be set up again")
    actions = entry.get("requiredActions")
    must_change = temporary or (isinstance(actions, list) and "UPDATE_PASSWORD" in actions)
    state: UserState | None = None
    if not flag(entry, "enabled", default=True):
        state = "disabled"
    elif password and must_change:
        state = "must_change"
    return Row(
        line=line,
        username=text(entry, "username") or "",
        id=text(entry, "id"),
        email=text(entry, "email"),
        email_verified=flag(entry, "emailVerified"),
        phone_number=own.get("phone_number"),
        phone_number_verified=own.get("phone_number_verified", "").lower() in _TRUE,
        attributes=attributes,
        groups=_groups(entry),
        state=state,
        created_at=seconds(entry, "createdTimestamp", per_second=1000),
        authenticators=authenticators,
        notes=tuple(notes),
        **password,
    )


def _attributes(entry: Entry, custom: frozenset[str], notes: list[str]) -> tuple[dict[str, object], dict[str, str]]:
    """Those that the pool can hold, and those of them that are fields of the user."""
    given = entry.get("attributes")
    if given is not None and not isinstance(given, dict):
        raise BadRow("`attributes` must be an object")
    named: dict[str, object] = {k: v for k in ("firstName", "lastName") if (v := entry.get(k))}
    attributes: dict[str, object] = {}
    own: dict[str, str] = {}
    for name, values in {**(given or {}), **named}.items():
        value = values[0] if isinstance(values, list) and len(values) == 1 else values
        claim = _CLAIMS.get(name) or (f"custom:{name}" if f"custom:{name}" in custom else None)
        if claim is None or not isinstance(value, str):
            notes.append(f"the attribute `{name[:50]}` is left out: the pool does not define custom:{name[:50]}")
        elif claim in {"phone_number", "phone_number_verified"}:
            own[claim] = value
        elif value:
            attributes[claim] = value
    return attributes, own


def _groups(entry: Entry) -> tuple[str, ...]:
    """Group paths without their first slash: `/staff` is `staff`."""
    value = entry.get("groups")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise BadRow("`groups` must be a list of paths")
    return tuple(path.removeprefix("/") for path in value)


def _credentials(entry: Entry) -> defaultdict[str, list[Entry]]:
    """The credentials by their type."""
    credentials = entry.get("credentials")
    if credentials is not None and not isinstance(credentials, list):
        raise BadRow("`credentials` must be a list")
    by_type: defaultdict[str, list[Entry]] = defaultdict(list)
    for credential in credentials or ():
        if not isinstance(credential, dict):
            raise BadRow("`credentials` must hold objects")
        by_type[str(credential.get("type"))[:50]].append(credential)
    return by_type


def _password(held: Sequence[Entry]) -> tuple[dict[str, Any], bool]:
    """The password with when it was set, and whether it is a temporary one."""
    if not held:
        return {}, False
    secret, how = text(held[0], "secretData"), text(held[0], "credentialData")
    if secret is None or how is None:
        raise BadRow("the password has no `secretData` and `credentialData`: export with hashed credentials")
    return {
        "password": hashed(lambda: from_keycloak(secret, how), "credentials"),
        "password_set_at": seconds(held[0], "createdDate", per_second=1000),
    }, flag(held[0], "temporary")


def _authenticators(held: Sequence[Entry], notes: list[str]) -> tuple[Authenticator, ...]:
    """The authenticator apps that our own codes are those of; others are counted in the notes."""
    found: list[Authenticator] = []
    for credential in held:
        seed = keycloak_seed(text(credential, "secretData") or "", text(credential, "credentialData") or "")
        if seed is None or len(found) == _MOST_AUTHENTICATORS:
            notes.append(_OTHER_CODES)
            continue
        label = text(credential, "userLabel") or ""
        created_at = seconds(credential, "createdDate", per_second=1000)
        found.append(Authenticator(seed, "".join(filter(str.isprintable, label))[:_LONGEST_NAME].strip(), created_at))
    return tuple(found)
