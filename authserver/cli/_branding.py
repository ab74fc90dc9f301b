"""A pool file's branding and texts judged by the pages and messages that will wear them. Here, because only the top layer
knows both.
"""

from collections.abc import Iterable

from authserver.errors import Invalid
from authserver.messages.policy import check_messages
from authserver.pages.branding import check_branding, contrast_faults, merge
from authserver.poolfile import PoolFile
from authserver.tomlfile import BadConfig, Fault


def refuse_bad_branding(files: Iterable[PoolFile]) -> None:
    """Raise BadConfig with one fault for each file whose branding the pages would refuse."""
    faults: list[Fault] = []
    for file in files:
        worn = [("pool.branding", file.pool.branding)]
        worn += [(f"branding of {c.client.client_id}", c.client.branding) for c in file.clients if c.client.branding]
        for place, branding in worn:
            try:
                check_branding(branding)
            except Invalid as error:
                faults.append(_fault(file, f"{place}.{error.field}", error))
        try:
            check_messages(file.pool.messages)
        except Invalid as error:
            faults.append(_fault(file, f"pool.messages.{error.field}", error))
    if faults:
        raise BadConfig(faults)


def _fault(file: PoolFile, place: str, error: Invalid) -> Fault:
    sentence = f"{error.sentence[:1].lower()}{error.sentence[1:]}"
    return Fault(f"`{place}` in {file.name}: {sentence}", file.name)


def hard_to_read(file: PoolFile) -> list[str]:
    """Where the file's colours are too close to each other. The branding must have passed `refuse_bad_branding`."""
    found = [f"{file.name}: {sentence}" for sentence in contrast_faults(file.pool.branding)]
    for spec in file.clients:
        if spec.client.branding is not None:
            worn = merge(file.pool.branding, spec.client.branding)
            found += [f"{file.name}, client {spec.client.client_id}: {s}" for s in contrast_faults(worn)]
    return list(dict.fromkeys(found))
