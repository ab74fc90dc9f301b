"""A pool file's branding judged by the pages that will wear it. Here, because only the top layer knows both."""

from collections.abc import Iterable

from authserver.errors import Invalid
from authserver.pages.branding import check_branding, contrast_faults
from authserver.poolfile import PoolFile
from authserver.tomlfile import BadConfig, Fault


def refuse_bad_branding(files: Iterable[PoolFile]) -> None:
    """Raise BadConfig with one fault for each file whose branding the pages would refuse."""
    faults: list[Fault] = []
    for file in files:
        try:
            check_branding(file.pool.branding)
        except Invalid as error:
            sentence = f"{error.sentence[:1].lower()}{error.sentence[1:]}"
            faults.append(Fault(f"`pool.branding.{error.field}` in {file.name}: {sentence}", file.name))
    if faults:
        raise BadConfig(faults)


def hard_to_read(file: PoolFile) -> list[str]:
    """Where the file's colours are too close to each other. The branding must have passed `refuse_bad_branding`."""
    return [f"{file.name}: {sentence}" for sentence in contrast_faults(file.pool.branding)]
