"""Files that people write: TOML with line numbers, faults that say where and what to do, durations and secrets.

Knows nothing of what the files mean; `settings` and `poolfile` do.
"""

from authserver.tomlfile.document import Document, read_document
from authserver.tomlfile.faults import BadConfig, Fault, nearest
from authserver.tomlfile.values import Secret, format_duration, parse_duration
from authserver.tomlfile.writing import toml

__all__ = [
    "BadConfig",
    "Document",
    "Fault",
    "Secret",
    "format_duration",
    "nearest",
    "parse_duration",
    "read_document",
    "toml",
]
