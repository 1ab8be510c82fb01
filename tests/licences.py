"""The licences of the locked packages: ``python -m tests.licences requirements/dev.txt``; 1 for one not allowed.

A licence is what the package itself says: its expression, else its classifiers, else its field ``License``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from tests.locks import locked

ALLOWED = frozenset(
    {
        "0BSD", "3-Clause BSD License", "Apache 2.0", "Apache Software License", "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception", "BSD", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0",
        "CNRI-Python", "ISC License (ISCL)", "MIT", "MIT License", "MIT-0", "MIT-CMU", "MPL-2.0",
        "Mozilla Public License 2.0 (MPL 2.0)", "PSF-2.0", "Python Software Foundation License", "Zlib",
    }
)  # fmt: skip
"""Licences under which a package may be used and passed on beside our own code."""
ACCEPTED = {
    "aeventkit": "BSD 2-clause by its text; the classifier beside it says otherwise",
    "docutils": "public domain and BSD; the parts under the GPL are its editor files, which are not installed",
    "ib-async": "BSD 2-clause by its text; the classifier says otherwise",
    "nautilus-ibapi": "IB's own API licence; used by tests only (docs/licences.md)",
    "peewee": "MIT by its text, without metadata; brought by yfinance (extra yahoo)",
    "pgserver": "Apache 2.0 by its text, without metadata; used by tests only",
    "psycopg2-binary": "LGPL with exceptions: used unchanged, as a library, by choice (extra postgres)",
    "pytest-timeout": "MIT; its other classifier says that Debian approves",
    "ta-lib": "BSD by its text, without metadata; used by tests only",
    "vectorbt": "Apache 2.0 with the Commons Clause; only in the extra report (docs/licences.md)",
}
"""Package -> why its licence is accepted although it is not in ``ALLOWED``, or is not told by its metadata."""


def statement(name: str) -> str:
    """What an installed package says of its licence; several classifiers are joined by OR.

    Raises:
        PackageNotFoundError: when it is not installed.
    """
    told = metadata(name)
    if expression := told.get("License-Expression"):
        return str(expression)
    rows = [str(row).split(" :: ") for row in told.get_all("Classifier") or []]
    if names := sorted({row[-1] for row in rows if row[0] == "License"}):
        return " OR ".join(names)
    return (str(told.get("License") or "").strip().splitlines() or [""])[0][:80]


def is_allowed(told: str) -> bool:
    """Whether one alternative of a statement is allowed in each of its parts."""
    plain = told if told in ALLOWED else re.sub(r"[()](?=\W|$)|(?<=\s)\(|^\(", "", told)
    return any(all(part.strip() in ALLOWED for part in one.split(" AND ")) for one in plain.split(" OR "))


def problems(lock: Path) -> Iterator[str]:
    """What is not allowed, and what is accepted for nothing."""
    names = {row.name for row in locked(lock)}
    for row in locked(lock):
        try:
            told = statement(row.name)
        except PackageNotFoundError:
            if not row.marker:
                yield f"{row.name} {row.version}: is not installed, so that its licence is not known"
            continue
        if row.name not in ACCEPTED and not is_allowed(told):
            yield f"{row.name} {row.version}: {told or 'says nothing of its licence'}"
    for name in sorted(ACCEPTED.keys() - names):
        yield f"{name}: is accepted in tests/licences.py and not locked"


def main(lock: str) -> int:
    """Check one lock."""
    found = list(problems(Path(lock)))
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{len(locked(Path(lock)))} locked packages, {len(found)} licences to look at\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
