"""A copy of the project, to build it in without touching the work tree."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".tox", ".venv*", ".*_cache", ".hypothesis", "__pycache__"),
    *("build", "dist", "work", "*.egg-info", "*.so", "*.pyd"),
)


def copy_project(folder: Path) -> Path:
    """Copy what git tracks to that folder, which must not exist yet; return it."""
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    return folder
