"""Rows of the Journal: audit entries and parcels."""

from authserver.adapters.sql.columns import ID_LENGTH, NAME_LENGTH
from authserver.adapters.sql.documents import Row, Values, from_json, to_json
from authserver.model.journal import AuditEntry, Parcel

_DOCUMENT = ("actor", "user_id", "client_id", "address", "user_agent", "place", "sid", "request_id", "details")


def search_key(value: str | None, length: int = ID_LENGTH) -> str | None:
    """What a column can hold of a value that may come from a stranger. The whole of it is in the document."""
    return value.replace("\0", "")[:length] if value is not None else None


def entry_values(pool: str, entry: AuditEntry) -> Values:
    return {
        "pool": pool,
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind,
        "outcome": entry.outcome,
        "user_id": search_key(entry.user_id),
        "client_id": search_key(entry.client_id, NAME_LENGTH),
        "address": search_key(entry.address),
        "entry": to_json({name: value for name in _DOCUMENT if (value := getattr(entry, name))}),
        "previous": entry.previous,
        "hash": entry.hash,
    }


def entry_of(row: Row) -> AuditEntry:
    pool, seq, at, kind, outcome, _user_id, _client_id, _address, entry, previous, digest = row
    document = from_json(entry)
    return AuditEntry(
        pool=pool,
        seq=seq,
        at=at,
        kind=kind,
        outcome=outcome,
        previous=previous,
        hash=digest,
        **{"actor": "", **{name: document[name] for name in _DOCUMENT if name in document}},
    )


def parcel_values(pool: str, parcel: Parcel) -> Values:
    return {
        "pool": pool,
        "id": parcel.id,
        "channel": parcel.channel,
        "sealed": parcel.sealed,
        "created_at": parcel.created_at,
        "due_at": parcel.due_at,
        "expires_at": parcel.expires_at,
        "attempts": parcel.attempts,
        "last_error": parcel.last_error,
    }


def parcel_of(row: Row) -> Parcel:
    pool, parcel_id, channel, sealed, created_at, due_at, expires_at, attempts, last_error = row
    return Parcel(parcel_id, pool, channel, sealed, created_at, due_at, expires_at, attempts, last_error)
