"""The orders of the demo API: values, the rules a new one must keep, and where they are, which is in memory."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

MOST_ITEM: Final = 100
"""Characters of what is ordered."""

MOST_QUANTITY: Final = 1000

_MOST_OWNERS = 1000
_MOST_ORDERS = 100
_MOST_NAME = 40


@dataclass(frozen=True, slots=True)
class Order:
    """One order. `placed_at` is in seconds since the epoch."""

    id: int
    item: str
    quantity: int
    placed_at: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class InvalidOrder(ValueError):  # noqa: N818 - named for what it is
    """An order breaks a rule. `problems` has one sentence for each field that does."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(", ".join(problems))


def read_order(value: Mapping[str, object]) -> tuple[str, int]:
    """Item and quantity of a JSON object. Raises InvalidOrder."""
    problems = {name[:_MOST_NAME]: "There is no such field." for name in value if name not in {"item", "quantity"}}
    item, quantity = value.get("item"), value.get("quantity")
    text = item.strip() if isinstance(item, str) else ""
    if not text or len(text) > MOST_ITEM or not text.isprintable():
        problems["item"] = f"Name what you order, in at most {MOST_ITEM} characters."
    count = quantity if type(quantity) is int else 0  # `true` is an int as well
    if not 1 <= count <= MOST_QUANTITY:
        problems["quantity"] = f"Give a whole number from 1 to {MOST_QUANTITY}."
    if problems:
        raise InvalidOrder(dict(sorted(problems.items())))
    return text, count


class Orders:
    """Everybody's orders, by the `sub` of their token: nobody sees another's. Everyone begins with the same two."""

    def __init__(self) -> None:
        self._of: dict[str, list[Order]] = {}
        self._last = 2

    def of(self, sub: str, now: float) -> list[Order]:
        """The orders of `sub`, the newest first."""
        return self._list(sub, now)[::-1]

    def place(self, sub: str, item: str, quantity: int, now: float) -> Order:
        """A new order. The oldest gives way where there are too many."""
        orders = self._list(sub, now)
        self._last += 1
        order = Order(self._last, item, quantity, int(now))
        orders.append(order)
        del orders[:-_MOST_ORDERS]
        return order

    def _list(self, sub: str, now: float) -> list[Order]:
        if sub not in self._of:
            while len(self._of) >= _MOST_OWNERS:
                self._of.pop(next(iter(self._of)))
            day = 86_400
            self._of[sub] = [
                Order(1, "Fountain pen", 1, int(now) - 9 * day),
                Order(2, "Blue ink, 50 ml", 3, int(now) - 2 * day),
            ]
        return self._of[sub]
