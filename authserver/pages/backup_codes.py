"""Backup codes on their way to the person: shown once, and sent back by the page to be kept as a file."""

import re

from authserver.signin.factors.backup_codes import ALPHABET
from authserver.web import NO_STORE, Answer, Params

_CODE = re.compile(rf"[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}")
_MOST = 20


def read_codes(form: Params) -> tuple[str, ...]:
    """The codes that a form holds: only lines that look like a code of ours, since they are shown again."""
    lines = (form.get("codes") or "").split()
    return tuple(line for line in lines if _CODE.fullmatch(line))[:_MOST]


def download(form: Params, pool_name: str) -> Answer:
    """The codes as a text file."""
    text = "\n".join((pool_name, "", *read_codes(form), ""))
    return Answer(
        200,
        [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-disposition", b'attachment; filename="backup-codes.txt"'),
            *NO_STORE,
        ],
        text.encode(),
    )
