"""The spellings that other systems give password hashes, turned into the one form of `foreign_hashes`.

Everything here raises ValueError with what is wrong, in words that follow a field's name.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from authserver.crypto.foreign_hashes import Argon2, Bcrypt, Digest, ForeignHash, Pbkdf2, Scrypt, from_b64, parse

Kind = TypeVar("Kind", Argon2, Bcrypt)

_LONGEST = 4096
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_DIGESTS: Mapping[str, Digest] = {"sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}
_KEYCLOAK_PBKDF2: Mapping[str, Digest] = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
_KEYCLOAK_ARGON2: Mapping[str, str] = {"id": "argon2id", "i": "argon2i", "d": "argon2d"}
_KEYCLOAK_VERSIONS: Mapping[str, int] = {"1.0": 16, "1.3": 19}
_FAST = re.compile(
    r"(?:(?:md5|sha1|unsalted_md5|unsalted_sha1|crypt)\$|\$(?:1|5|6|apr1|md5|H|P)\$|\{S?(?:SHA|MD5|CRYPT)[0-9]*\})",
    re.ASCII,
)


def read_hash(text: str) -> ForeignHash:
    """A hash in any spelling that says by itself what it is: our own forms, those of Django and of passlib, and bcrypt,
    Argon2 and scrypt as nearly everybody spells them. Raises ValueError.
    """
    if len(text) > _LONGEST:
        raise ValueError("is too long for a password hash")
    if _FAST.match(text):
        raise ValueError(
            "is of a kind too weak to be worth keeping: leave it out, and people set a new password instead"
        )
    for read in (_django, _passlib):
        if (found := read(text)) is not None:
            return found
    return parse(text)


def _django(text: str) -> ForeignHash | None:
    """`algorithm$...` without a dollar before it, as `django.contrib.auth.hashers` writes it; None for anything else."""
    name, dollar, rest = text.partition("$")
    if not name or not dollar:
        return None
    match name, rest.split("$"):
        case "pbkdf2_sha256" | "pbkdf2_sha1", [iterations, salt, value]:
            return Pbkdf2(_DIGESTS[name[7:]], _number(iterations), salt.encode(), _base64(value))
        case "scrypt", [n, salt, r, p, value]:
            size = _number(n)
            if size.bit_count() != 1:
                raise ValueError("has a scrypt N that is no power of two")
            return Scrypt(size.bit_length() - 1, _number(r), _number(p), salt.encode(), _base64(value))
        case "argon2", _:
            return _only(parse(f"${rest}"), Argon2)
        case "bcrypt", _:
            return _only(parse(rest), Bcrypt)
        case "bcrypt_sha256", _:
            found = _only(parse(rest), Bcrypt)
            return Bcrypt(found.encoded, over_sha256=True)
    return None


def _only(found: ForeignHash, kind: type[Kind]) -> Kind:
    if not isinstance(found, kind):
        raise ValueError("says that it is one kind of hash, and is another")  # noqa: TRY004 - callers read ValueError
    return found


def _passlib(text: str) -> Pbkdf2 | None:
    """`$pbkdf2-sha256$rounds$salt$value`, in base64 with `.` for `+`; `$pbkdf2$` is SHA-1. Others write
    `i=rounds,l=length` in place of the rounds. None for anything else.
    """
    match text.split("$"):
        case ["", ("pbkdf2" | "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512") as name, rounds, salt, value]:
            digest = _DIGESTS[name.partition("-")[2] or "sha1"]
            plain = [from_b64(part.replace(".", "+")) for part in (salt, value)]
            iterations, _, length = rounds.removeprefix("i=").partition(",l=")
            if length and _number(length) != len(plain[1]):
                raise ValueError("has another length than it says")
            return Pbkdf2(digest, _number(iterations), *plain)
    return None


def from_keycloak(secret_data: str, credential_data: str) -> ForeignHash:
    """The password of a Keycloak credential, from its two JSON texts as a realm export holds them. Raises ValueError."""
    secret, how = _json(secret_data), _json(credential_data)
    salt, value = _base64(secret.get("salt")), _base64(secret.get("value"))
    algorithm, iterations = how.get("algorithm"), how.get("hashIterations")
    if not isinstance(iterations, int) or isinstance(iterations, bool) or iterations < 1:
        raise ValueError("has no number of iterations")
    if isinstance(algorithm, str) and algorithm in _KEYCLOAK_PBKDF2:
        return Pbkdf2(_KEYCLOAK_PBKDF2[algorithm], iterations, salt, value)
    if algorithm != "argon2":
        raise ValueError("is of an algorithm that is not known here; known are pbkdf2 with its variants, and argon2")
    more = how.get("additionalParameters")
    # Keycloak holds every parameter as a list of texts.
    given = {k: v[0] for k, v in more.items() if isinstance(v, list) and v} if isinstance(more, dict) else {}
    version = _KEYCLOAK_VERSIONS.get(str(given.get("version")))
    kind = _KEYCLOAK_ARGON2.get(str(given.get("type")))
    if version is None or kind is None:
        raise ValueError("has no known type and version of Argon2")
    memory, lanes = _number(str(given.get("memory"))), _number(str(given.get("parallelism")))
    return Argon2(kind, version, memory, iterations, lanes, salt, value)


@dataclass(frozen=True, slots=True)
class FirebaseProject:
    """The password hash parameters of a Firebase project, which its accounts share."""

    signer: bytes = field(repr=False)
    separator: bytes
    rounds: int
    mem_cost: int


def firebase_project(text: str) -> FirebaseProject:
    """The parameters from the `hash_config { ... }` that the Firebase console shows, or from JSON with the same names.
    Raises ValueError.
    """
    if text.lstrip().startswith("{"):
        given = {k: str(v) for k, v in _json(text).items()}
    else:
        given = {m[1]: m[2] for m in re.finditer(r"(?m)^\s*([a-z0-9_]+)\s*:\s*([^\s,]+?),?\s*$", text)}
    if given.get("algorithm", "SCRYPT") != "SCRYPT":
        raise ValueError("is not for the algorithm SCRYPT")
    missing = [n for n in ("base64_signer_key", "base64_salt_separator", "rounds", "mem_cost") if n not in given]
    if missing:
        raise ValueError(f"does not say {', '.join(missing)}")
    return FirebaseProject(
        _base64(given["base64_signer_key"]),
        _base64(given["base64_salt_separator"]),
        _number(given["rounds"]),
        _number(given["mem_cost"]),
    )


def from_firebase(project: FirebaseProject, salt: str, value: str) -> ForeignHash:
    """The password of an account as `firebase auth:export` writes it. Raises ValueError."""
    return Scrypt(project.mem_cost, project.rounds, 1, _base64(salt), _base64(value), project.separator, project.signer)


def from_auth0(custom: Mapping[str, object]) -> ForeignHash:
    """A `custom_password_hash` of Auth0's bulk format whose value says by itself what it is. Raises ValueError."""
    algorithm, inner = custom.get("algorithm"), custom.get("hash")
    value = inner.get("value") if isinstance(inner, Mapping) else None
    if algorithm not in {"bcrypt", "argon2", "pbkdf2"} or not isinstance(value, str):
        raise ValueError("is of an algorithm that is not known here; known are bcrypt, argon2 and pbkdf2")
    return read_hash(value)


def _json(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is not the JSON that it should be") from None
    if not isinstance(value, dict):
        raise ValueError("is not the JSON that it should be")  # noqa: TRY004 - callers read ValueError
    return value


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("holds a parameter that is no number")
    return int(text)


def _base64(text: object) -> bytes:
    """Base64 of either alphabet, with or without padding: systems differ, and some differ from themselves."""
    if not isinstance(text, str):
        raise ValueError("lacks a part")  # noqa: TRY004 - callers read ValueError
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise ValueError("holds what is not base64") from None
