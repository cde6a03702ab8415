"""Readies the base system of a final image: no installer in it, and its standard library compiled.

`python3 final.py`, as root in an image's last stage. Official Python images come without bytecode, and a container
with a read-only root file system would compile the same modules at every start.
"""

import compileall
import shutil
import sysconfig
from pathlib import Path

INSTALLERS = ("pip", "pip-*", "setuptools", "setuptools-*", "wheel", "wheel-*", "pkg_resources", "_distutils_hack")
# Read by no server: editors' and installers' parts of the standard library, and its tests.
UNUSED = ("ensurepip", "idlelib", "lib2to3", "test", "turtledemo", "tkinter", "pydoc_data")


def main() -> None:
    """Remove, then compile what is left."""
    library = Path(sysconfig.get_path("stdlib"))
    packages = {Path(sysconfig.get_path("purelib")), library / "site-packages", Path("/usr/lib/python3/dist-packages")}
    doomed = [path for folder in packages for name in INSTALLERS for path in folder.glob(name)]
    doomed += [library / name for name in UNUSED]
    doomed += [*Path("/usr/share").glob("python-wheels"), *Path("/usr/local/bin").glob("pip*")]
    for path in doomed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    # By time, which skips what is compiled already; a layer keeps times to the second, as bytecode does.
    compileall.compile_dir(library, quiet=2)


if __name__ == "__main__":
    main()
