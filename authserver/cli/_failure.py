"""What went wrong, for the person at the terminal: a sentence, never a traceback (DESIGN 1)."""

import sys
import traceback

from authserver.cli._context import Run
from authserver.errors import Refusal, Vetoed


def explain(error: Exception, run: Run) -> int:
    """Say on standard error what went wrong, and return the exit code."""
    if isinstance(error, Refusal):
        # The detail is for our log: whoever stands at the terminal is the one who would read it there.
        # A veto is a whole answer by itself.
        detail = error.detail if not isinstance(error, Vetoed) else None
        lines = (f"{error.sentence} ({detail})" if detail else error.sentence).splitlines()
    elif isinstance(error, BrokenPipeError):
        return 1  # whoever read our output has gone
    elif isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        lines = [f"{where}{error.strerror}"]
    else:
        name = run.random.token(6)
        print(
            f"poolgate: an unexpected error ({name}); run again with `poolgate --debug ...` for the details",
            file=sys.stderr,
        )
        if run.debug:
            traceback.print_exception(error)
        return 1
    if run.debug:
        traceback.print_exception(error)
    for line in lines:
        print(f"poolgate: {line}", file=sys.stderr)
    return 1
