"""Lifetimes as Redis takes them."""


def milliseconds(ttl: int) -> int:
    """Seconds to live in milliseconds. Redis wants a positive number, so what is over already goes in one."""
    return max(1, ttl * 1000)
