"""Reading a pool file: each table checked by its model, then what joins them, and all faults told at once."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from authserver.poolfile import convert
from authserver.poolfile.client_model import ClientModel, PoolFileModel, UserModel
from authserver.poolfile.pool_model import GroupModel, PoolModel, ResourceServerModel
from authserver.poolfile.provider_model import ProviderModel, provider_model
from authserver.poolfile.service_provider_model import ServiceProviderModel
from authserver.poolfile.values import PoolFile
from authserver.tomlfile import BadConfig, Document, Fault, read_document
from authserver.tomlfile.document import inner_models, unknown_key, validated
from authserver.tomlfile.lines import KeyPath
from federation.connectors import TYPES

Model = TypeVar("Model", bound=BaseModel)


def _homes() -> dict[str, str]:
    """The one table that each key belongs in, for keys that stand elsewhere. Names that several tables have are left
    out.
    """
    tables: dict[str, list[str]] = {}

    def walk(model: type[BaseModel], path: str) -> None:
        for name, info in model.model_fields.items():
            tables.setdefault(name, []).append(path)
            for inner in inner_models(info.annotation):
                walk(inner, f"{path}.{name}" if path else name)

    walk(PoolFileModel, "")
    return {
        name: f"in [{paths[0]}]"
        if paths[0].startswith("pool") and paths[0] != "pool.attributes"
        else f"in [[{paths[0]}]]"
        for name, paths in tables.items()
        if len(paths) == 1 and paths[0]
    }


@dataclass(slots=True)
class Reading:
    """A pool file on its way: what is valid so far, by its index in the file, and what is wrong."""

    document: Document
    environ: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)
    homes: Mapping[str, str] = field(default_factory=_homes)

    def fault(self, path: KeyPath, sentence: str) -> None:
        """Note a fault of the key at `path`."""
        self.faults.append(self.document.fault(path, sentence))

    def model(self, kind: type[Model], path: KeyPath, data: object) -> Model | None:
        """The data as a model; None, with the faults noted, if it is none."""
        context = {"folder": self.document.folder, "environ": self.environ}
        found, faults = validated(kind, self.document, path, data, context, self.homes)
        self.faults += faults
        return found

    def models(
        self, kind: type[Model], name: str, chosen: Callable[[object], type[Model] | None] = lambda _: None
    ) -> dict[int, Model]:
        """The valid elements of an array of tables. `chosen` may find another model by what the element says."""
        given = self.document.data.get(name, [])
        if not isinstance(given, list):
            self.fault((name,), f"must be an array of tables: [[{name}]]")
            return {}
        found = {i: self.model(chosen(item) or kind, (name, i), item) for i, item in enumerate(given)}
        return {i: model for i, model in found.items() if model is not None}


def _model_of_provider(item: object) -> type[ProviderModel] | None:
    type_ = item.get("type") if isinstance(item, dict) else None
    return provider_model(type_) if type_ in TYPES else None


def load_pool_file(path: Path, *, environ: Mapping[str, str] | None = None, name: str | None = None) -> PoolFile:
    """Read and check one pool file.

    Args:
        path: the file.
        environ: where `{ env = "NAME" }` looks; None means this process's environment.
        name: how messages call the file; its path if left out.

    Raises:
        BadConfig: with every fault found.
    """
    reading = Reading(read_document(path, name), os.environ if environ is None else environ)
    data = reading.document.data
    known = tuple(PoolFileModel.model_fields)
    for key in data:
        if key not in known:
            reading.faults.append(unknown_key(reading.document, (key,), known, reading.homes.get(key)))
    pool = None
    if "pool" not in data:
        reading.faults.append(Fault(f"{reading.document.name} has no [pool] table", reading.document.name))
    else:
        pool = reading.model(PoolModel, ("pool",), data["pool"])
    parts = convert.Parts(
        pool=pool,
        groups=reading.models(GroupModel, "groups"),
        users=reading.models(UserModel, "users"),
        resource_servers=reading.models(ResourceServerModel, "resource_servers"),
        clients=reading.models(ClientModel, "clients"),
        providers=reading.models(ProviderModel, "identity_providers", _model_of_provider),
        service_providers=reading.models(ServiceProviderModel, "service_providers"),
    )
    file = convert.pool_file(parts, reading.document, reading.fault, complete=not reading.faults)
    if reading.faults or file is None:
        raise BadConfig(reading.faults)
    return file


def load_pool_files(paths: Sequence[Path], *, environ: Mapping[str, str] | None = None) -> tuple[PoolFile, ...]:
    """Read several pool files that are applied together. Raises BadConfig with the faults of all of them."""
    files: list[PoolFile] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            files.append(load_pool_file(path, environ=environ))
        except BadConfig as error:
            faults += error.faults
    pools: dict[str, PoolFile] = {}
    clients: dict[str, PoolFile] = {}
    for file in files:
        if (other := pools.setdefault(file.pool.id, file)) is not file:
            faults.append(Fault(f"{file.name} describes the pool {file.pool.id}, as {other.name} does", file.name))
        for spec in file.clients:
            name = spec.client.client_id
            if (other := clients.setdefault(name, file)) is not file:
                faults.append(file.fault(spec.line, f"the client id `{name}` is in {other.name} already"))
    if faults:
        raise BadConfig(faults)
    return tuple(files)
