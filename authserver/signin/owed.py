"""What a person who is proven still owes the pool before a client hears of it: agreement to its terms, and attributes
that it requires. Pure.
"""

from authserver.model.clients import Client
from authserver.model.pools import AttributeDefinition, Pool
from authserver.model.users import User
from authserver.rules.fields import Field, field_of
from authserver.signin.step_types import AgreeToTerms, CompleteProfile


def owed(pool: Pool, client: Client, user: User, now: int) -> AgreeToTerms | CompleteProfile | None:
    """The step that the account needs, if any."""
    terms = _terms(pool, user, now)
    if terms is not None:
        return terms
    fields = missing_fields(pool, client, user)
    return CompleteProfile(fields) if fields else None


def _terms(pool: Pool, user: User, now: int) -> AgreeToTerms | None:
    policy = pool.sign_up
    if not policy.terms_required:
        return None
    if user.accepted_terms_at is None:
        return AgreeToTerms()
    changed = policy.terms_changed
    if changed is not None and user.accepted_terms_at < changed <= now:
        return AgreeToTerms(since=changed)
    return None


def missing_fields(pool: Pool, client: Client, user: User) -> tuple[Field, ...]:
    """The attributes that the pool requires, that the user has no value for, and that people may fill in themselves; none
    that the client may not write. Nor `address`, which is a table unless the pool defines it as text: no field takes one,
    and nobody would ever get past it.
    """
    defined = {d.name: d for d in pool.attributes}
    required = dict.fromkeys((*(d.name for d in pool.attributes if d.required), *pool.sign_up.required_attributes))
    own = {**user.attributes, "email": user.email, "phone_number": user.phone_number}
    return tuple(
        field_of(pool, name, required=True)
        for name in required
        if own.get(name) in (None, "")
        and (name != "address" or name in defined)
        and defined.get(name, AttributeDefinition(name)).self_editable
        and (client.write_attributes is None or name in client.write_attributes)
    )
