"""Known vulnerabilities in the locked dependencies: ``python -m tests.audit requirements/dev.txt``.

pip-audit ends with 0 even when it could audit nothing. This ends with 0 only where the advisory service answered and
named no vulnerability that is not accepted; with 1 where it named one; with ``NOT_AUDITED`` where nothing was audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

NOT_AUDITED = 3
"""No advisory service was reached, or it knows none of the packages: neither good nor bad is known."""
ACCEPTED: dict[str, str] = {}
"""Vulnerability id -> why it does not concern us."""


def main(lock: str) -> int:
    """Audit one lock."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        found = json.loads(result.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError, KeyError):
        found = []
    status, lines = judged(found)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return status


def judged(found: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code and the text of pip-audit's rows."""
    skipped = [row for row in found if "skip_reason" in row]
    if not found:
        return NOT_AUDITED, ["NOT AUDITED: no advisory service was reached"]
    if len(skipped) == len(found):
        return NOT_AUDITED, [f"NOT AUDITED: the advisory service knows none of the {len(found)} packages"]
    hits = [(row["name"], row["version"], hit["id"]) for row in found for hit in row.get("vulns", [])]
    left = [hit for hit in hits if hit[2] not in ACCEPTED]
    lines = [f"audited {len(found) - len(skipped)}, skipped {len(skipped)}, vulnerable {len(left)}"]
    return int(bool(left)), [*lines, *(f"{name} {version}: {identifier}" for name, version, identifier in left)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
