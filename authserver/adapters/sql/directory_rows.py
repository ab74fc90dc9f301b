"""Rows of the Directory: users and their passwords."""

from collections.abc import Iterable
from itertools import groupby

import sqlalchemy as sa

from authserver.adapters.sql.columns import FOLDED_LENGTH
from authserver.adapters.sql.documents import Row, Values, from_json, to_json
from authserver.adapters.sql.tables import group_memberships, pool_groups, users
from authserver.adapters.sql.word_signature import signature_of
from authserver.model.users import PasswordCredential, User, fold
from authserver.store.search import user_words

_USER_COLUMNS = (
    users.c.pool,
    users.c.id,
    users.c.username,
    users.c.email,
    users.c.email_verified,
    users.c.phone_number,
    users.c.phone_number_verified,
    users.c.attributes,
    users.c.state,
    users.c.created_at,
    users.c.updated_at,
    users.c.accepted_terms_at,
    users.c.delete_after,
)
_ID_AT = 1

# Columns of a user, then one of its groups with its precedence: as many rows as the user has groups, or one.
_GROUP_AT, _PRECEDENCE_AT, RANK_AT = range(len(_USER_COLUMNS), len(_USER_COLUMNS) + 3)


def with_groups(tables: sa.FromClause) -> sa.FromClause:
    """The users' table, or a join that has it, with each user's groups. One flat chain: SQLite walks a nested one."""
    return tables.outerjoin(
        group_memberships,
        sa.and_(group_memberships.c.pool == users.c.pool, group_memberships.c.user_id == users.c.id),
    ).outerjoin(
        pool_groups,
        sa.and_(pool_groups.c.pool == users.c.pool, pool_groups.c.name == group_memberships.c.group_name),
    )


WITH_GROUPS = with_groups(users)
GROUPED_USER = (*_USER_COLUMNS, group_memberships.c.group_name, pool_groups.c.precedence)


def _folded(name: object) -> str | None:
    return (fold(name) or None) if isinstance(name, str) else None


def words_text(words: Iterable[str]) -> str:
    """Words as one text in which each begins after a space, so that ` ada` is in it if one begins with `ada`."""
    return " ".join(("", *words))


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
        "accepted_terms_at": user.accepted_terms_at,
        "delete_after": user.delete_after,
        "words": words_text(user_words(user)),
    }


def word_values(pool: str, username_folded: str, words: str | None) -> list[Values]:
    """The rows of `user_words` for the words of a user. The order of usernames itself finds those that begin with a word."""
    all_words = (words or "").split()
    signature = signature_of(all_words)
    return [
        {"pool": pool, "word": word, "username_folded": username_folded, "signature": signature}
        for word in all_words
        if not username_folded.startswith(word)
    ]


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
        accepted_terms_at,
        delete_after,
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
        accepted_terms_at=accepted_terms_at,
        delete_after=delete_after,
    )


def users_of(rows: Iterable[Row]) -> list[User]:
    """Users of rows that stand together user by user, with their groups in order of precedence, then name."""
    found = []
    for _, group in groupby(rows, lambda row: row[_ID_AT]):
        of_user = list(group)
        named = [(row[_PRECEDENCE_AT], row[_GROUP_AT]) for row in of_user if row[_GROUP_AT] is not None]
        named.sort(key=lambda each: (each[0] is None, each[0] or 0, each[1]))
        found.append(user_of(of_user[0][: len(_USER_COLUMNS)], tuple(name for _, name in named)))
    return found


def password_values(pool: str, credential: PasswordCredential) -> Values:
    return {
        "pool": pool,
        "user_id": credential.user_id,
        "hash": credential.hash,
        "set_at": credential.set_at,
        "expires_at": credential.expires_at,
    }
