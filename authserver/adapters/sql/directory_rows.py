"""Rows of the Directory: users and their passwords."""

from authserver.adapters.sql.columns import FOLDED_LENGTH
from authserver.adapters.sql.documents import Row, Values, from_json, to_json
from authserver.model.users import PasswordCredential, User, fold


def _folded(name: object) -> str | None:
    return (fold(name) or None) if isinstance(name, str) else None


def user_values(pool: str, user: User) -> Values:
    preferred = _folded(user.attributes.get("preferred_username"))
    return {
        "pool": pool,
        "id": user.id,
        "username": user.username,
        "username_folded": fold(user.username),
        "email": user.email,
        "email_folded": _folded(user.email),
        "email_verified": user.email_verified,
        "phone_number": user.phone_number,
        "phone_number_folded": _folded(user.phone_number),
        "phone_number_verified": user.phone_number_verified,
        # An attribute is not bounded as a name is; one that long is nobody's sign-in name.
        "preferred_username_folded": preferred if preferred and len(preferred) <= FOLDED_LENGTH else None,
        "attributes": to_json(user.attributes),
        "state": user.state,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def user_of(row: Row, groups: tuple[str, ...]) -> User:
    (
        pool,
        user_id,
        username,
        email,
        email_verified,
        phone_number,
        phone_number_verified,
        attributes,
        state,
        created_at,
        updated_at,
    ) = row
    return User(
        id=user_id,
        pool=pool,
        username=username,
        email=email,
        email_verified=bool(email_verified),
        phone_number=phone_number,
        phone_number_verified=bool(phone_number_verified),
        attributes=from_json(attributes),
        groups=groups,
        state=state,
        created_at=created_at,
        updated_at=updated_at,
    )


def password_values(pool: str, credential: PasswordCredential) -> Values:
    return {"pool": pool, "user_id": credential.user_id, "hash": credential.hash, "set_at": credential.set_at}
