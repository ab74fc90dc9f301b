"""Asking before something goes that cannot come back."""

import sys

import typer

from authserver.errors import Invalid


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; elsewhere --yes is needed. Raises Invalid, or ends the command if the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid(f"{question} Say so with --yes.")
    typer.confirm(question, abort=True)
