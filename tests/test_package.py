"""The sdist is complete, and the wheels have the right tag and contents."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.project import ROOT, copy_project

pytest.importorskip("check_wheel_contents", reason="tox -e package runs these tests")

if not (ROOT / "setup.py").exists():
    pytest.skip("setup.py is not in this copy", allow_module_level=True)

PURE = "sse_stream-*-py3-none-any.whl"


def run(*command: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without what git does not track, and without git."""
    return copy_project(tmp_path_factory.mktemp("package") / "project")


@pytest.fixture(scope="module")
def sdist(project: Path) -> Path:
    done = run("build", "--no-isolation", "--sdist", cwd=project)
    assert done.returncode == 0, done.stdout
    [sdist] = project.glob("dist/*.tar.gz")
    return sdist


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


def build(project: Path, wheels: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    arguments = ["--no-isolation", "--wheel", "--outdir", str(wheels)]
    environ = {"SSE_STREAM_BUILD": "", **environ}
    shutil.rmtree(project / "build", ignore_errors=True)
    return run("build", *arguments, cwd=project, **environ)


def compiled_in(wheel: Path) -> bool:
    with zipfile.ZipFile(wheel) as archive:
        return any(name.startswith("sse_stream/_speedups.") for name in binaries(archive))


def binaries(archive: zipfile.ZipFile) -> Iterator[str]:
    return (name for name in archive.namelist() if name.endswith((".so", ".pyd")))


def test_the_sdist_has_all_that_git_tracks() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("git does not track this copy")
    # It builds from a copy without git, so that MANIFEST.in alone must name everything.
    done = run("check_manifest", "--no-build-isolation", cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_package_index_accepts_the_sdist_and_the_wheel(
    project: Path, sdist: Path, wheels: Path
) -> None:
    done = build(project, wheels)
    assert done.returncode == 0, done.stdout
    [wheel] = wheels.iterdir()
    for command in (
        ["twine", "check", "--strict", str(sdist), str(wheel)],
        ["check_wheel_contents", str(wheel)],
    ):
        done = run(*command, cwd=project)
        assert done.returncode == 0, done.stdout


def test_a_wheel_has_every_module_of_the_package_and_no_other(project: Path, wheels: Path) -> None:
    assert build(project, wheels, SSE_STREAM_BUILD="no").returncode == 0
    [wheel] = wheels.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (project / "sse_stream").rglob("*")
    expected = {path for path in files if path.suffix in (".py", ".pyi", ".typed")}
    assert found == {path.relative_to(project).as_posix() for path in expected}


def test_a_wheel_with_the_extension_names_its_platform(project: Path, wheels: Path) -> None:
    done = build(project, wheels, SSE_STREAM_BUILD="required")
    if done.returncode:
        pytest.skip("no compiler, or no headers of this interpreter")
    [wheel] = wheels.iterdir()
    assert compiled_in(wheel)
    assert not wheel.match(PURE)


@pytest.mark.parametrize(
    "environ", [{"CC": "false"}, {"SSE_STREAM_BUILD": "no"}], ids=["no compiler", "as asked"]
)
def test_a_wheel_without_the_extension_is_for_every_platform(
    environ: dict[str, str], project: Path, wheels: Path
) -> None:
    if sys.platform == "win32" and "CC" in environ:
        pytest.skip("the compiler is not chosen by CC here")
    done = build(project, wheels, **environ)
    assert done.returncode == 0, done.stdout
    [wheel] = wheels.iterdir()
    assert wheel.match(PURE)
    assert not compiled_in(wheel)


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is not chosen by CC here")
def test_a_build_fails_without_the_extension_that_is_required(project: Path, wheels: Path) -> None:
    done = build(project, wheels, CC="false", SSE_STREAM_BUILD="required")
    assert done.returncode != 0
    assert not wheels.exists() or not list(wheels.iterdir())


@pytest.mark.parametrize(
    ("implementation", "given", "chosen"),
    [("cpython", "", ""), ("cpython", "required", "required"), ("pypy", "", "no")],
)
def test_the_extension_is_for_cpython_alone(
    implementation: str, given: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = runpy.run_path(str(ROOT / "setup.py"))
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name=implementation))
    monkeypatch.setenv("SSE_STREAM_BUILD", given)
    assert setup["choice"]() == chosen


def test_an_implementation_that_cannot_use_the_extension_cannot_require_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setup = runpy.run_path(str(ROOT / "setup.py"))
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    monkeypatch.setenv("SSE_STREAM_BUILD", "required")
    with pytest.raises(SystemExit, match="only CPython can use the extension"):
        setup["choice"]()


def test_a_build_names_the_choices_there_are(project: Path, wheels: Path) -> None:
    done = build(project, wheels, SSE_STREAM_BUILD="yes")
    assert done.returncode != 0
    assert 'SSE_STREAM_BUILD must be "required", "no" or not set, not \'yes\'' in done.stdout


@pytest.mark.parametrize("choice", ["required", "no"], ids=["compiled", "pure"])
def test_two_builds_from_two_folders_give_the_same_files(choice: str, tmp_path: Path) -> None:
    environ = {"SSE_STREAM_BUILD": choice, "SOURCE_DATE_EPOCH": "1700000000"}
    made: list[dict[str, bytes]] = []
    for name in ("first", "a folder with a longer name"):
        project = copy_project(tmp_path / name)
        # Files of another time, in folders of another order.
        for path in sorted(project.rglob("*"), reverse=bool(made)):
            os.utime(path, (0, 1_000_000_000 + len(made)))
        done = build(project, tmp_path / f"{name}, made", **environ)
        if done.returncode and choice == "required":
            pytest.skip("no compiler, or no headers of this interpreter")
        assert done.returncode == 0, done.stdout
        done = run("build", "--no-isolation", "--sdist", "--outdir", f"{tmp_path / name}, made",
                   cwd=project, **environ)  # fmt: skip
        assert done.returncode == 0, done.stdout
        files = (tmp_path / f"{name}, made").iterdir()
        made.append({path.name: path.read_bytes() for path in files})
    assert len(made[0]) == 2
    assert made[0].keys() == made[1].keys()
    assert [name for name in made[0] if made[0][name] != made[1][name]] == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other object files")
def test_the_extension_has_no_debug_symbols_and_no_path(project: Path, wheels: Path) -> None:
    done = build(project, wheels, SSE_STREAM_BUILD="required")
    if done.returncode:
        pytest.skip("no compiler, or no headers of this interpreter")
    [wheel] = wheels.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        [code] = [archive.read(name) for name in binaries(archive)]
    assert b"PyInit__speedups" in code  # the names in it can be read
    assert b".debug_info" not in code
    assert str(project).encode() not in code


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment that has what the tests need, but not the package."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    inside = str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    install = [inside, "-m", "pip", "install", "--quiet", "setuptools>=77", "pytest", "hypothesis"]
    subprocess.run(install, check=True)
    return inside


@pytest.mark.parametrize(("choice", "expected"), [("", None), ("no", "False")])
def test_an_editable_install_makes_the_same_choice(
    choice: str, expected: str | None, project: Path, installed: str
) -> None:
    for former in (project / "sse_stream").glob("_speedups.*[do]"):
        former.unlink()
    install = [installed, "-m", "pip", "install", "--quiet", "--no-build-isolation", "-e"]
    environ = os.environ | {"SSE_STREAM_BUILD": choice}
    subprocess.run([*install, str(project)], env=environ, check=True)
    # Found without an import, and from a folder where no other copy is found first.
    code = "import importlib.util as u, importlib.machinery as m;"
    code += "[folder] = u.find_spec('sse_stream').submodule_search_locations;"
    code += "print(m.PathFinder.find_spec('_speedups', [folder]) is not None)"
    done = subprocess.run([installed, "-c", code], cwd=project / "tests", stdout=-1, text=True)
    compiler = shutil.which("cc") or shutil.which("cl")
    assert done.stdout.strip() == (expected or str(compiler is not None))


def test_the_suite_of_the_sdist_passes_with_the_wheel(
    project: Path, sdist: Path, wheels: Path, installed: str, tmp_path: Path
) -> None:
    assert build(project, wheels).returncode == 0
    [wheel] = wheels.iterdir()
    install = [installed, "-m", "pip", "install", "--quiet", "--force-reinstall", str(wheel)]
    subprocess.run(install, check=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path)
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    # What is imported must be what the wheel installed.
    shutil.rmtree(unpacked / "sse_stream")
    done = subprocess.run(
        [installed, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=unpacked,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
