"""What of a provider's attributes fits the pool's schema. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from authserver.model.pools import AttributeDefinition, Pool
from authserver.model.users import User, fold
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import TEXT_CLAIMS, value_fault
from federation.mapping import Mapped


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken.

    Attributes:
        attributes: that fit, by name.
        removed: attributes that the provider says are empty.
        skipped: (attribute, why it was not taken).
    """

    attributes: Mapping[str, object] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    email: str | None = None
    email_verified: bool = False
    phone_number: str | None = None
    phone_number_verified: bool = False
    skipped: tuple[tuple[str, str], ...] = ()

    def applied(self, user: User) -> User:
        """The user with what was taken. A verified address is replaced for people of other providers alone, by one that is
        vouched for. Whoever has an account of the pool has proven it here, and by it gets the account back.
        """
        kept = {k: v for k, v in user.attributes.items() if k not in self.removed}
        changed = replace(user, attributes={**kept, **self.attributes})
        external = user.state == "external"
        if self.email is not None and (not user.email_verified or (external and self.email_verified)):
            same = fold(self.email) == fold(user.email or "")
            verified = self.email_verified or (same and user.email_verified)
            changed = replace(changed, email=self.email, email_verified=verified)
        if self.phone_number is not None and (
            not user.phone_number_verified or (external and self.phone_number_verified)
        ):
            same = self.phone_number == user.phone_number
            verified = self.phone_number_verified or (same and user.phone_number_verified)
            changed = replace(changed, phone_number=self.phone_number, phone_number_verified=verified)
        return changed

    @staticmethod
    def changed(before: User, after: User) -> set[str]:
        """The names of what differs."""
        names = {
            k for k in {*before.attributes, *after.attributes} if before.attributes.get(k) != after.attributes.get(k)
        }
        own = ("email", "email_verified", "phone_number", "phone_number_verified", "groups")
        return names | {name for name in own if getattr(before, name) != getattr(after, name)}


def taken_values(pool: Pool, mapped: Mapped, user: User | None = None) -> Taken:
    """What fits.

    Args:
        user: whose values are followed; None for a new one. What is not mutable stays as it is.
    """
    definitions = {d.name: d for d in pool.attributes}
    attributes: dict[str, object] = {}
    skipped = list(mapped.faults)
    for name, value in mapped.values.items():
        if name in {"email", "email_verified", "phone_number", "phone_number_verified"}:
            continue
        definition = definitions.get(name) or (AttributeDefinition(name) if name in TEXT_CLAIMS else None)
        if definition is None:
            skipped.append((name, "is no attribute of the pool"))
            continue
        typed = _typed(definition, value)
        if (fault := value_fault(definition, typed)) is not None:
            skipped.append((name, fault))
        elif user is not None and not definition.mutable and user.attributes.get(name, typed) != typed:
            skipped.append((name, "cannot change, and came with another value"))
        else:
            attributes[name] = typed
    removed = frozenset(
        name
        for name in mapped.cleared
        if name not in definitions or (definitions[name].mutable and not definitions[name].required)
    )
    email = _address(normal_email, mapped.values.get("email"), "email", skipped)
    phone_number = _address(normal_phone_number, mapped.values.get("phone_number"), "phone_number", skipped)
    return Taken(
        attributes=attributes,
        removed=removed,
        email=email,
        email_verified=email is not None and mapped.values.get("email_verified") is True,
        phone_number=phone_number,
        phone_number_verified=phone_number is not None and mapped.values.get("phone_number_verified") is True,
        skipped=tuple(skipped),
    )


def _typed(definition: AttributeDefinition, value: object) -> object:
    """The value in the attribute's type, where the provider has it as a text, or the other way round."""
    if definition.type == "number" and isinstance(value, str):
        try:
            return float(value) if any(c in value for c in ".eE") else int(value)
        except ValueError:
            return value
    if definition.type == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    if definition.type in {"string", "datetime"} and isinstance(value, bool):
        return "true" if value else "false"
    if definition.type in {"string", "datetime"} and isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return value


def _address(normal: object, value: object, name: str, skipped: list[tuple[str, str]]) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return str(normal(value))  # type: ignore[operator]  # one of two functions
    except ValueError as error:
        skipped.append((name, str(error)))
        return None
