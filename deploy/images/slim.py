"""Takes out of a virtual environment what no server reads: tests, C sources, headers, type stubs.

`python3 slim.py FOLDER`, in an image's build stage; standard library only.
"""

import shutil
import sys
from pathlib import Path

FOLDERS = {"tests", "test", "testing_data", "__pycache__"}
FILES = {"conftest.py"}
SUFFIXES = {".c", ".h", ".cpp", ".pyx", ".pxd", ".pxi", ".pyi", ".a"}


def main(root: Path) -> None:
    """Slim every site-packages below `root`, and the environment itself of what only its making needed."""
    (root / ".lock").unlink(missing_ok=True)
    for packages in root.glob("lib/python3*/site-packages"):
        for path in sorted(packages.rglob("*"), reverse=True):
            if path.is_dir() and path.name in FOLDERS:
                shutil.rmtree(path)
            elif path.is_file() and (path.suffix in SUFFIXES or path.name in FILES):
                path.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
