"""Which users are wanted, as options of commands."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Run

if TYPE_CHECKING:
    from authserver.model.users import UserFilter

Search = Annotated[
    str | None,
    typer.Option(
        metavar="WORDS", help="Beginnings of words of the username, the email address, the phone number or the name."
    ),
]
InState = Annotated[
    str | None,
    typer.Option("--state", help="confirmed, unconfirmed, reset_required, must_change, disabled or external."),
]
InGroup = Annotated[str | None, typer.Option("--group", help="A group that they are in.")]
CreatedSince = Annotated[
    str | None,
    typer.Option("--created-since", metavar="WHEN", help="A date, a date and time, or how long ago, such as 30d."),
]


def user_filter(
    run: Run,
    *,
    search: str | None = None,
    state: str | None = None,
    group: str | None = None,
    created_since: str | None = None,
) -> "UserFilter":
    """The filter that the options ask for. Raises typer.BadParameter."""
    from typing import get_args

    from authserver.model.users import UserFilter, UserState

    states: tuple[UserState, ...] = get_args(UserState)
    chosen = next((known for known in states if known == state), None)
    if state is not None and chosen is None:
        raise typer.BadParameter(f"the state must be one of {', '.join(states)}", param_hint="--state")
    since = _since(run, created_since) if created_since is not None else None
    return UserFilter(search=search, state=chosen, group=group, created_since=since)


def _since(run: Run, text: str) -> int:
    """Seconds since the epoch; a date without a time begins at midnight, and one without an offset is in UTC."""
    from authserver.tomlfile import parse_duration

    if not text.isdecimal():
        try:
            return int(run.clock()) - parse_duration(text)
        except ValueError:
            pass
    try:
        found = datetime.fromisoformat(text)
        return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "must be a date (2026-01-31), a date and time (2026-01-31T12:00:00Z), or how long ago (30d)",
            param_hint="--created-since",
        ) from None
