"""The bill of materials of a lock, in CycloneDX: ``python -m tests.sbom requirements/core.txt build/sbom.json``."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.licences import statement
from tests.locks import Locked, locked


def bill(lock: Path, name: str, version: str) -> str:
    """The document: one library for every locked package, with its hashes, and its licence where it is installed."""
    found = Bom(components=[_component(row) for row in locked(lock)])
    root = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=name)
    found.metadata.component = root
    found.register_dependency(root, found.components)
    return str(JsonV1Dot6(found).output_as_string(indent=2))


def _component(row: Locked) -> Component:
    made = Component(
        name=row.name,
        version=row.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, row.name.lower().replace("_", "-"), row.version),
        bom_ref=f"{row.name}=={row.version};{row.marker}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in row.hashes],
    )
    with suppress(PackageNotFoundError):
        if told := statement(row.name):
            made.licenses.add(LicenseFactory().make_from_string(told))
    return made


def main(lock: str, target: str) -> int:
    """Write the bill of one lock."""
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bill(Path(lock), "tradewright", version("tradewright")) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}: {len(locked(Path(lock)))} packages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
