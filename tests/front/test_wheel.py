"""The wheel: one import name, and it works beside somebody else's package called `schemas`."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True,
                   capture_output=True)  # fmt: skip
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel and another distribution's `schemas`; dependencies come by path only."""
    home = tmp_path_factory.mktemp("env")
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python*/site-packages"))
    (site / "schemas").mkdir()
    (site / "schemas" / "__init__.py").write_text("OWNER = 'somebody else'\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # a path line is not searched for .pth files, so an editable install of ours stays out of sight
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin" / "python"


def test_one_name_is_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"dicomproof"}


def test_data_files_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in ("schemas/requirements/ps318.json", "schemas/run.schema.json", "reports/templates/page.html"):
        assert f"dicomproof/_app/{name}" in names


def test_it_runs_beside_somebody_elses_schemas(python: Path, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "reports.py").write_text("raise RuntimeError('not yours')\n")
    command = [str(python), "-m", "dicomproof", "check", "sim:", "--only", "capabilities.answers"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "dicomproof-out" / "report.html").is_file()


def test_theirs_stays_theirs(python: Path, tmp_path: Path) -> None:
    command = [str(python), "-c", "import schemas; print(schemas.OWNER)"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "somebody else"
