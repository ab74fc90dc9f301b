"""Reading settings: the file, then the environment over it, each unknown name refused with its nearest neighbour."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authserver.settings.master_key import decode_master_key
from authserver.settings.value import DEFAULT_CONFIG, ENV_PREFIX, PATH_KEYS, SECRET_KEYS, Settings
from authserver.tomlfile import BadConfig, Document, Fault, Secret, read_document
from authserver.tomlfile.document import sentence_of, unknown_key
from authserver.tomlfile.faults import unknown
from authserver.tomlfile.values import read_secret

if TYPE_CHECKING:  # a process that is handed its settings need not load pydantic
    from pydantic import BaseModel

    from authserver.settings.model import SettingsModel

# Kubernetes and Docker links put these into every container beside a service of our name; they are not settings.
_SERVICE_LINK = re.compile(
    r"POOLGATE_(?:[A-Z0-9_]+_)?(?:SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)|PORT_[0-9]+_(?:TCP|UDP).*)"
)
_LINK_URL = re.compile(r"(?:tcp|udp)://")

_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class _Given:
    """One value that was given: where, in words, and which folder its relative paths start from."""

    value: Any
    place: str
    folder: Path
    file: str = ""
    line: int = 0


def setting_keys() -> dict[str, Any]:
    """Every key by its dotted name, with its pydantic field, in the order of the table."""
    from authserver.settings.model import SettingsModel

    return dict(_leaves(SettingsModel, ""))


def _leaves(model: "type[BaseModel]", prefix: str) -> Iterable[tuple[str, Any]]:
    from pydantic import BaseModel

    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _leaves(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def env_name(key: str) -> str:
    """`log.format` as `POOLGATE_LOG__FORMAT`."""
    return ENV_PREFIX + key.upper().replace(".", "__")


def load_settings(
    config: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    defaults: Mapping[str, object] | None = None,
    overrides: Mapping[str, object] | None = None,
    default_config: bool = True,
) -> Settings:
    """The settings in force.

    Args:
        config: the file to read; None reads `poolgate.toml` in `folder` if there is one.
        environ: the environment variables; None means this process's.
        folder: what relative paths outside files start from; None means the working directory.
        defaults: values by dotted key that the file and the environment win over.
        overrides: values by dotted key that win over both, such as command line options.
        default_config: whether to look for `poolgate.toml` where no file is named.

    Raises:
        BadConfig: with every fault found.
    """
    environ = os.environ if environ is None else environ
    folder = (folder or Path.cwd()).absolute()
    faults: list[Fault] = []
    given: dict[str, _Given] = {}

    path = config or folder / DEFAULT_CONFIG
    document = None
    if config is not None or (default_config and path.is_file()):
        document = read_document(path.absolute(), str(config or DEFAULT_CONFIG))
        given |= _from_file(document, faults)
    given |= _from_environment(environ, folder, faults)
    for key, value in (defaults or {}).items():
        given.setdefault(key, _Given(value, "(a default of this command)", folder))
    for key, value in (overrides or {}).items():
        given[key] = _Given(value, "(given on the command line)", folder)

    resolved = _resolved(given, environ, faults)
    model = _validated(resolved, given, faults)
    if faults or model is None:
        raise BadConfig(faults)
    return _settings(model, given, document, folder)


def _from_file(document: Document, faults: list[Fault]) -> dict[str, _Given]:
    keys = tuple(setting_keys())
    tables = {key.partition(".")[0] for key in keys if "." in key}
    found: dict[str, _Given] = {}

    def take(name: str, path: tuple[str, ...], value: object) -> None:
        line = document.line(path)
        found[name] = _Given(value, document.place(path), document.folder, document.name, line)

    def refuse(path: tuple[str, ...], known: tuple[str, ...]) -> None:
        elsewhere = next((f"in [{k.rpartition('.')[0]}]" for k in keys if k.rpartition(".")[2] == path[-1]), None)
        if len(path) > 1 and path[-1] in keys:
            elsewhere = "at the top of the file, before the first table"
        faults.append(unknown_key(document, path, known, elsewhere))

    for name, value in document.data.items():
        if name in keys:
            take(name, (name,), value)
        elif name not in tables:
            refuse((name,), tuple(dict.fromkeys(k.partition(".")[0] for k in keys)))
        elif not isinstance(value, dict):
            faults.append(document.fault((name,), "must be a table"))
        else:
            known = tuple(k.partition(".")[2] for k in keys if k.startswith(f"{name}."))
            for inner, inner_value in value.items():
                if inner in known:
                    take(f"{name}.{inner}", (name, inner), inner_value)
                else:
                    refuse((name, inner), known)
    return found


def _from_environment(environ: Mapping[str, str], folder: Path, faults: list[Fault]) -> dict[str, _Given]:
    names: dict[str, tuple[str, str | None]] = {env_name(key): (key, None) for key in setting_keys()}
    references = {f"{env_name(key)}__{r.upper()}": (key, r) for key in SECRET_KEYS for r in ("file", "env")}
    found: dict[str, _Given] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(ENV_PREFIX) or _is_service_link(variable, text):
            continue
        key, reference = names.get(variable) or references.get(variable) or (None, None)
        place = f"(environment variable {variable})"
        if key is None:
            known = [n.removeprefix(ENV_PREFIX) for n in names]
            sentence = unknown(
                "environment variable", variable.removeprefix(ENV_PREFIX), "", [k.lower() for k in known]
            )
            faults.append(Fault(_with_prefix(sentence)))
        elif key in found:
            faults.append(Fault(f"`{key}` is given twice: {found[key].place} and {place}"))
        else:
            value = {reference: text} if reference is not None else _env_value(key, text)
            found[key] = _Given(value, place, folder)
    return found


def _is_service_link(variable: str, text: str) -> bool:
    if variable == "POOLGATE_PORT":
        return _LINK_URL.match(text) is not None
    return _SERVICE_LINK.fullmatch(variable) is not None


def _with_prefix(sentence: str) -> str:
    """The names between backquotes as environment variables."""
    return re.sub(r"`([^`]*)`", lambda m: f"`{ENV_PREFIX}{m[1].upper()}`", sentence)


def _env_value(key: str, text: str) -> object:
    """The text of an environment variable as the TOML value it stands for. What does not fit stays text, and the model
    says what it should have been.
    """
    default = setting_keys()[key].default
    if isinstance(default, bool):
        return _TRUTH.get(text.lower(), text)
    if isinstance(default, int):
        return int(text) if text.isascii() and text.isdecimal() else text
    if isinstance(default, list):
        if text.lstrip().startswith("["):
            try:
                return json.loads(text)
            except ValueError:
                return text
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _resolved(given: Mapping[str, _Given], environ: Mapping[str, str], faults: list[Fault]) -> dict[str, object]:
    """Secrets read and paths made absolute."""
    values: dict[str, object] = {}
    for key, source in given.items():
        try:
            if key in SECRET_KEYS:
                secret = read_secret(source.value, source.folder, environ)
                values[key] = _in_folder(secret, source.folder) if key == "database_url" else secret
            elif key in PATH_KEYS:
                values[key] = _paths(source.value, source.folder, many=key == "pool_files")
            else:
                values[key] = source.value
        except ValueError as error:
            faults.append(_fault(key, source, str(error)))
    return values


def _in_folder(database: Secret, folder: Path) -> Secret:
    """The URL of a SQLite file with its path made absolute (three slashes begin a relative path, four an absolute)."""
    prefix, slashes, path = database.value.partition(":///")
    if prefix != "sqlite" or not slashes or not path or path.startswith("/"):
        return database
    return replace(database, value=f"sqlite:///{folder / path}")


def _paths(value: object, folder: Path, *, many: bool) -> object:
    if many:
        if not isinstance(value, (list, tuple)):
            raise ValueError("must be a list of paths")
        return [_paths(item, folder, many=False) for item in value]
    if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
        raise ValueError("must be a path")
    return Path(os.path.normpath(folder / Path(value).expanduser()))


def _validated(
    values: Mapping[str, object], given: Mapping[str, _Given], faults: list[Fault]
) -> "SettingsModel | None":
    from pydantic import ValidationError

    from authserver.settings.model import SettingsModel

    nested: dict[str, Any] = {}
    for key, value in values.items():
        table, _, inner = key.rpartition(".")
        (nested.setdefault(table, {}) if table else nested)[inner] = value
    try:
        model = SettingsModel.model_validate(nested)
        if model.master_key is not None:
            decode_master_key(model.master_key.value)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            key = ".".join(part for part in detail["loc"] if isinstance(part, str))
            key = next((k for k in values if key == k or key.startswith(f"{k}.")), key)
            faults.append(_fault(key, given[key], sentence_of(detail, nested)))
    except ValueError as error:
        faults.append(_fault("master_key", given["master_key"], str(error)))
    else:
        return model
    return None


def _fault(key: str, source: _Given, sentence: str) -> Fault:
    return Fault(f"`{key}` {source.place} {sentence}", source.file, source.line)


def _settings(model: "SettingsModel", given: Mapping[str, _Given], document: Document | None, folder: Path) -> Settings:
    def text(secret: Secret | None) -> str | None:
        return secret.value if secret is not None else None

    secrets: dict[str, Secret | None] = {
        "database_url": model.database_url,
        "redis_url": model.redis_url,
        "mail.url": model.mail.url,
        "sms.url": model.sms.url,
        "master_key": model.master_key,
        "audit.webhook_secret": model.audit.webhook_secret,
    }
    return Settings(
        base_url=model.base_url,
        data_dir=model.data_dir if "data_dir" in given else folder / model.data_dir,
        database_url=text(model.database_url),
        redis_url=text(model.redis_url),
        pool_files=tuple(model.pool_files),
        mail_url=text(model.mail.url),
        sms_url=text(model.sms.url),
        master_key=decode_master_key(model.master_key.value) if model.master_key is not None else None,
        outbound_allow=tuple(model.outbound.allow),
        metrics=model.metrics,
        single_node=model.single_node,
        listen=model.listen,
        workers=model.workers,
        trusted_proxies=tuple(model.trusted_proxies),
        log_format=model.log.format,
        guesses_per_address=model.guessing.per_address,
        sign_ins_per_address=model.guessing.sign_ins_per_address,
        log_level=model.log.level,
        log_requests=model.log.requests,
        breached_file=model.protection.breached_file,
        geoip_file=model.protection.geoip_file,
        audit_keep_days=model.audit.keep_days,
        audit_webhook_url=model.audit.webhook_url,
        audit_webhook_secret=text(model.audit.webhook_secret),
        config_file=document.path if document is not None else None,
        places={key: source.place for key, source in given.items()},
        plain_secrets=tuple(
            key
            for key, secret in secrets.items()
            if secret is not None and secret.plain and given[key].file and (key == "master_key" or "@" in secret.value)
        ),
    )
