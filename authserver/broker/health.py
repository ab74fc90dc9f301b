"""How providers fare: kept in process, bounded, for the metrics page and for whoever asks why nobody can sign in."""

from collections import OrderedDict
from dataclasses import dataclass, replace

MOST = 1000
"""Providers that are remembered, by their last use."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is known of one provider since this process began. `seconds` is how long its last answer took, of which our own
    judging is a part; times are seconds since the epoch.
    """

    answered: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_good: int | None = None
    last_bad: int | None = None
    error: str = ""


class Health:
    """Notes answers."""

    def __init__(self) -> None:
        self._pulses: OrderedDict[tuple[str, str], Pulse] = OrderedDict()

    def well(self, pool: str, provider: str, seconds: float, now: int) -> None:
        """It answered, and well."""
        pulse = self._pulse(pool, provider)
        self._note(
            pool, provider, replace(pulse, answered=pulse.answered + 1, seconds=seconds, last_good=now, error="")
        )

    def ill(self, pool: str, provider: str, error: str, seconds: float, now: int) -> None:
        """It did not, or not well."""
        pulse = self._pulse(pool, provider)
        self._note(pool, provider, replace(pulse, failed=pulse.failed + 1, seconds=seconds, last_bad=now, error=error))

    def pulses(self) -> dict[tuple[str, str], Pulse]:
        """By pool and provider."""
        return dict(self._pulses)

    def _pulse(self, pool: str, provider: str) -> Pulse:
        return self._pulses.get((pool, provider), Pulse())

    def _note(self, pool: str, provider: str, pulse: Pulse) -> None:
        self._pulses[pool, provider] = pulse
        self._pulses.move_to_end((pool, provider))
        if len(self._pulses) > MOST:
            self._pulses.popitem(last=False)
