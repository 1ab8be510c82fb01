"""Export the notebooks as reference notebooks: ``python -m tests.notebooks.export tests/notebooks/reference``.

They are run on a freshly prepared store under the scenario's clock; what is kept is their code and what they print, so
that nbval can run them again and compare. Everything else (HTML, timings, ids) differs from run to run.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from conf.environment import OVERRIDES, SOURCE

NOTEBOOKS = tuple(sorted((SOURCE / "notebooks").glob("[a-z]*.py")))
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
REFERENCES = Path(__file__).parent / "reference"


def exported(notebook: Path, beside: Path, *, run: bool) -> Any:
    """A notebook as marimo exports it, normalised; with what it prints where it is run.

    Raises:
        CalledProcessError: when a cell fails.
    """
    target = beside / f"{notebook.stem}.ipynb"
    copy = shutil.copy(notebook, beside)  # marimo keeps notes beside what it exports
    command = [sys.executable, "-m", "marimo", "export", "ipynb", copy, "--force", "-o", str(target)]
    subprocess.run([*command, *(["--include-outputs"] if run else [])], check=True, stdout=subprocess.DEVNULL)
    return normalised(nbformat.read(target, as_version=4))


def normalised(notebook: Any) -> Any:
    """The same notebook with a kernel to run it, numbered cells, and of the outputs what was printed.

    A cell that prints nothing is tagged so that nbval runs it and ignores what it shows.
    """
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        cell.id, cell.execution_count = f"cell-{number}", number
        cell.outputs = [output for output in cell.outputs if output.output_type == "stream" and output.name == "stdout"]
        cell.metadata = {} if cell.outputs else {"tags": ["nbval-ignore-output"]}
    return notebook


def code_of(notebook: Any) -> list[str]:
    """The code of every cell."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def main(folder: Path) -> None:
    """Export both notebooks into a folder."""
    from tests.support.desk_store import prepare

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tradewright-") as beside:
        os.environ[OVERRIDES] = shlex.join(prepare(Path(beside) / "store"))
        for notebook in NOTEBOOKS:
            nbformat.write(exported(notebook, Path(beside), run=True), folder / f"{notebook.stem}.ipynb")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
