"""The lock files hold what pyproject.toml and package.json ask for, by hash, and name no index and no host."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER_EXTRAS = ("server", "postgres", "geo", "bcrypt", "ldap", "build")
COMPILED = [
    ("requirements/server.txt", SERVER_EXTRAS),
    ("requirements/dev.txt", (*SERVER_EXTRAS, "dev")),
    ("requirements/fuzz.txt", ("fuzz",)),
]

# What the requirements are compiled for (DESIGN 1): each marker must pick one pin on each of these.
MACHINES = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": "Darwin" if platform == "darwin" else "Linux",
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
    }
    for python, (platform, machine) in product(
        ("3.11", "3.12", "3.13", "3.14"), (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
    )
]


@dataclass
class Pin:
    """One entry of a compiled file: `name==version ; marker`, its hashes, and who asked for it."""

    requirement: Requirement
    hashes: list[str] = field(default_factory=list)
    via: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> Version:
        (only,) = self.requirement.specifier
        assert only.operator == "==", self.requirement
        return Version(only.version)

    def applies(self, machine: dict[str, str]) -> bool:
        return self.requirement.marker is None or self.requirement.marker.evaluate(machine)


def pins(path: str) -> list[Pin]:
    found: list[Pin] = []
    for raw in (ROOT / path).read_text().splitlines():
        line = raw.strip().removesuffix("\\").strip()
        if line.startswith("--hash="):
            found[-1].hashes.append(line.removeprefix("--hash="))
        elif line.startswith("#"):
            if found and (asker := line.removeprefix("#").strip().removeprefix("via").strip()):
                found[-1].via.append(asker)
        elif line:
            found.append(Pin(Requirement(line)))
    return found


def asked(*extras: str) -> list[Requirement]:
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def test_every_extra_is_locked():
    """A new extra must be given to the compiler in the Makefile as well."""
    assert set(PROJECT["optional-dependencies"]) == {*SERVER_EXTRAS, "dev", "fuzz"}


@pytest.mark.parametrize(("path", "extras"), COMPILED)
def test_each_requirement_is_pinned_within_its_bounds(path, extras):
    locked = pins(path)
    for requirement in asked(*extras):
        for machine in MACHINES:
            if requirement.marker is None or requirement.marker.evaluate(machine):
                fitting = [
                    pin for pin in locked if pin.name == canonicalize_name(requirement.name) and pin.applies(machine)
                ]
                assert len(fitting) == 1, f"{requirement} on {machine}: run make lock"
                assert fitting[0].version in requirement.specifier, f"{requirement} on {machine}: run make lock"


@pytest.mark.parametrize(("path", "extras"), COMPILED)
def test_nothing_is_pinned_that_nobody_asks_for(path, extras):
    locked = pins(path)
    names = {pin.name for pin in locked}
    direct = {canonicalize_name(requirement.name) for requirement in asked(*extras)}
    for pin in locked:
        assert pin.via, pin.requirement
        ours = any(asker.startswith("poolgate") for asker in pin.via)
        assert ours == (pin.name in direct), f"{pin.name}: run make lock"
        others = {asker for asker in pin.via if not asker.startswith(("poolgate", "-c "))}
        assert others <= names, f"{pin.name}: run make lock"


@pytest.mark.parametrize(
    "path",
    [*(path for path, _ in COMPILED), "requirements/uv.txt", "bench/requirements.txt"],
)
def test_every_pin_has_hashes_and_no_line_names_a_host(path):
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host|@ ", (ROOT / path).read_text())
    for pin in pins(path):
        assert pin.hashes, pin.requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in pin.hashes), pin.requirement
        assert pin.version


def test_the_server_is_tested_with_the_versions_it_runs_with():
    server = {str(pin.requirement) for pin in pins("requirements/server.txt")}
    assert server <= {str(pin.requirement) for pin in pins("requirements/dev.txt")}


def test_the_fuzzer_changes_no_version_of_what_is_there():
    known = {pin.name: pin.version for pin in pins("requirements/dev.txt")}
    fuzzer = {pin.name: pin.version for pin in pins("requirements/fuzz.txt")}
    assert {name for name, version in fuzzer.items() if known.get(name) != version} == {"atheris"}


@pytest.mark.parametrize("folder", ["tests/interop", "bench/peer"])
def test_npm_packages_are_locked_by_hash_without_addresses(folder):
    asked_for = json.loads((ROOT / folder / "package.json").read_text())
    locked = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    assert locked[""]["dependencies"] == asked_for["dependencies"]
    packages = {path: entry for path, entry in locked.items() if path}
    assert {path.rpartition("node_modules/")[2] for path in packages} >= set(asked_for["dependencies"])
    for path, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), path
        assert "resolved" not in entry, path
        assert not entry.get("hasInstallScript"), path
