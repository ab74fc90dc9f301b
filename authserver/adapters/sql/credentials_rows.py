"""Rows of the Credentials: factors and devices."""

from authserver.adapters.sql.documents import Row, Values, from_json, to_json
from authserver.model.credentials import Credential, Device


def credential_values(pool: str, credential: Credential) -> Values:
    return {
        "pool": pool,
        "id": credential.id,
        "user_id": credential.user_id,
        "kind": credential.kind,
        "name": credential.name,
        "handle": credential.handle,
        "public": to_json(credential.public),
        "sealed": credential.sealed,
        "counter": credential.counter,
        "created_at": credential.created_at,
        "last_used_at": credential.last_used_at,
    }


def credential_of(row: Row) -> Credential:
    pool, credential_id, user_id, kind, name, handle, public, sealed, counter, created_at, last_used_at = row
    return Credential(
        id=credential_id,
        pool=pool,
        user_id=user_id,
        kind=kind,
        name=name,
        handle=handle,
        public=from_json(public),
        sealed=sealed,
        counter=counter,
        created_at=created_at,
        last_used_at=last_used_at,
    )


def device_values(pool: str, device: Device) -> Values:
    return {
        "pool": pool,
        "user_id": device.user_id,
        "id": device.id,
        "user_agent": device.user_agent,
        "network": device.network,
        "place": device.place,
        "first_seen": device.first_seen,
        "last_seen": device.last_seen,
        "remembered_until": device.remembered_until,
    }


def device_of(row: Row) -> Device:
    _pool, user_id, device_id, user_agent, network, place, first_seen, last_seen, remembered_until = row
    return Device(device_id, user_id, user_agent, network, place, first_seen, last_seen, remembered_until)
