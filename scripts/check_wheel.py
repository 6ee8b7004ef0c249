"""Build the wheel, install it in a temporary folder and train from there.

python scripts/check_wheel.py
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run("build", "--wheel", "--outdir", str(folder / "dist"), str(ROOT))
        (wheel,) = (folder / "dist").glob("*.whl")
        site = folder / "site"
        _run("pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel))
        _check_content(site)
        (folder / "work").mkdir()
        environment = os.environ | {"PYTHONPATH": str(site)}  # found before the checkout
        command = [sys.executable, str(site / "bin" / "lossbench")]
        for arguments in (["--version"], ["train", "loss=huber", "loss.delta=2", "trainer.max_epochs=2"]):
            subprocess.run([*command, *arguments], cwd=folder / "work", env=environment, check=True)
        (result,) = (folder / "work").glob("outputs/*/*/result.json")
        print(f"{wheel.name} trains: {result.name} was written")


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", *arguments], check=True)


def _check_content(site: Path) -> None:
    """Check that the wheel holds every file of the package, every YAML, and the version of the source."""
    expected = {Path("lossbench") / path for path in _tracked("conf")} | set(_tracked("lossbench"))
    missing = sorted(str(path) for path in expected if not (site / path).exists())
    if missing:
        sys.exit(f"the wheel lacks {', '.join(missing)}")
    source = (ROOT / "lossbench" / "__init__.py").read_text("utf-8")
    version = re.findall(r'^__version__ = "(.+)"$', source, flags=re.MULTILINE)
    metadata = [path.name for path in site.glob("lossbench-*.dist-info")]
    if metadata != [f"lossbench-{version[0]}.dist-info"]:
        sys.exit(f"lossbench/__init__.py says version {version[0]}, the wheel says {', '.join(metadata)}")


def _tracked(folder: str) -> list[Path]:
    """Return the files of a folder of the checkout, relative to its root, without compiled ones."""
    files = (
        path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return [path.relative_to(ROOT) for path in files]


if __name__ == "__main__":
    main()
