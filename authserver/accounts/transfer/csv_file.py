"""CSV with the header names of Amazon Cognito's import jobs, and a few of ours. UTF-8, commas, quotes as in RFC 4180."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from authserver.accounts.transfer.own_lines import row_of
from authserver.accounts.transfer.rows import BadRow, Fault, Row, hashed
from authserver.crypto.foreign_hashes import ForeignHash, parse
from authserver.crypto.foreign_systems import read_hash
from authserver.errors import Invalid
from authserver.model.pools import Pool
from authserver.rules.attributes import TEXT_CLAIMS, attribute_name_fault

OWN = (
    "username",
    "id",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "groups",
    "state",
    "created_at",
    "updated_at",
    "accepted_terms_at",
    "delete_after",
)
"""Columns that are no attributes. `groups` are separated by spaces, times are seconds since 1970."""

PASSWORD = ("password_hash", "password_hash_algorithm", "password_hash_parameters", "password_hash_salt")
_FLAGS = ("email_verified", "phone_number_verified")
_TIMES = ("created_at", "updated_at", "accepted_terms_at", "delete_after")
_MILLISECOND_DIGITS = 13
_LONGEST_LINE = 1 << 20
_MFA = "cognito:mfa_enabled"
_ALIASES = {"cognito:username": "username", "sub": "id"}
_TRUE = frozenset({"true", "1", "yes", "y"})
_FALSE = frozenset({"", "false", "0", "no", "n"})
_RISKY = re.compile(r"'*[=@+\-\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_HARMLESS = re.compile(r"[+-]?[0-9][0-9 .()-]*", re.ASCII)


def columns(pool: Pool) -> tuple[str, ...]:
    """The columns of an export: those of ours, then the attributes that a user of the pool may have."""
    defined = [a.name for a in pool.attributes if a.name not in {*TEXT_CLAIMS, *OWN, "address"}]
    return (*OWN, *TEXT_CLAIMS, "address", *defined)


def read_csv(file: BinaryIO, pool: Pool) -> Iterator[Row | Fault]:
    """The users of a file. Raises Invalid if its first line is no header that can be used."""
    reader = csv.reader(_lines(file), strict=True)
    header = _header(next(_safely(reader), None))
    types = {definition.name: definition.type for definition in pool.attributes}
    line = reader.line_num + 1
    for item in _safely(reader):
        if isinstance(item, Fault):
            yield item
        elif item:
            try:
                if len(item) != len(header):
                    raise BadRow(f"has {len(item)} fields, and the header {len(header)}")
                yield _row(line, dict(zip(header, item, strict=True)), types)
            except BadRow as bad:
                yield Fault(line, str(bad))
        line = reader.line_num + 1


def _lines(file: BinaryIO) -> Iterator[str]:
    """Lines with their ends; what is no UTF-8 is marked, and refused with its row."""
    mark = "\ufeff"
    while line := file.readline(_LONGEST_LINE):
        yield line.decode(errors="surrogateescape").removeprefix(mark)
        mark = ""


def _safely(reader: Any) -> Iterator[list[str] | Fault]:
    """What the reader yields, and a fault for what it cannot read."""
    while True:
        before = reader.line_num
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(before + 1, f"is not CSV: {error}")


def _header(first: list[str] | Fault | None) -> list[str]:
    if first is None or isinstance(first, Fault):
        raise Invalid("The file has no header: its first line must name the columns, such as `cognito:username,email`.")
    names = [_ALIASES.get(name.strip(), name.strip()) for name in first]
    if "username" not in names:
        raise Invalid("The header has no column `cognito:username` or `username`; is it a CSV file with a header?")
    if "password" in names:
        raise Invalid("Passwords themselves are not taken: give `password_hash`, or let people set a new one.")
    for name in names:
        if names.count(name) > 1:
            raise Invalid(f"The header names the column `{name}` twice.")
        if name not in {*OWN, *PASSWORD, _MFA} and attribute_name_fault(name) is not None:
            raise Invalid(f"The column `{name[:100]}` is no attribute: give it as `custom:...`, or take it out.")
    return names


def _row(line: int, given: Mapping[str, str], types: Mapping[str, str]) -> Row:
    cells = {name: unescape(value) for name, value in given.items() if value != ""}
    entry: dict[str, Any] = {name: cells[name] for name in OWN if name in cells}
    for name in _TIMES:
        if name in entry:
            entry[name] = _time(entry[name])
    for name in _FLAGS:
        entry[name] = _flag(name, cells.get(name, ""))
    entry["groups"] = cells.get("groups", "").split()
    entry["attributes"] = {
        name: _value(name, value, types.get(name, "string"))
        for name, value in cells.items()
        if name not in OWN and name not in PASSWORD and name != _MFA
    }
    password = _password(cells)
    row = row_of(line, entry)
    notes = ("a second factor has to be set up again",) if _flag(_MFA, cells.get(_MFA, "")) else ()
    return replace(row, password=password, notes=notes)


def _time(value: str) -> str:
    """Seconds since 1970; what is far beyond counts milliseconds, as some of those write who make files for Cognito."""
    return value[:-3] if value.isascii() and value.isdecimal() and len(value) == _MILLISECOND_DIGITS else value


def _flag(name: str, value: str) -> bool:
    folded = value.strip().lower()
    if folded not in _TRUE | _FALSE:
        raise BadRow(f"`{name}` must be true or false")
    return folded in _TRUE


def _value(name: str, value: str, kind: str) -> object:
    """The value that the pool's definition asks for; what does not fit stays text, and is refused by its name later."""
    if name == "address":
        return _address(value)
    if kind == "boolean" and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if kind == "number" and _NUMBER.fullmatch(value):
        return float(value) if set(value) & set(".eE") else int(value)
    return value


def _address(value: str) -> object:
    """The address as JSON (OpenID Connect Core 5.1.1), or as one text, which is how Cognito has it."""
    if value.startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise BadRow("`address` begins like JSON, and is none") from None
    return {"formatted": value}


def _password(cells: Mapping[str, str]) -> ForeignHash | None:
    """The hash as it is, or put together from its parts for systems that keep them apart."""
    encoded = cells.get("password_hash")
    if encoded is None:
        return None
    algorithm = cells.get("password_hash_algorithm")
    if algorithm is None:
        return hashed(lambda: read_hash(encoded))
    parts = [cells.get(name, "") for name in ("password_hash_parameters", "password_hash_salt", "password_hash")]
    plain = [parts[0], *(part.rstrip("=").replace("-", "+").replace("_", "/") for part in parts[1:])]
    return hashed(lambda: parse("$".join(("", algorithm, *plain))))


def escape(value: str) -> str:
    """A cell that no spreadsheet takes for a formula: people write their own attributes, and operators open exports."""
    return f"'{value}" if _RISKY.match(value) and not _HARMLESS.fullmatch(value) else value


def unescape(value: str) -> str:
    """The inverse of `escape`."""
    return value[1:] if value.startswith("'") and _RISKY.match(value[1:]) else value
