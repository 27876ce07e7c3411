"""Knows how the wheel is laid out: the generic folders go under dicomproof/_app/, so that one name is installed.

Must not run for editable installs, where the folders are imported from the repository itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("schemas", "harness", "suites", "simulators", "reports")


class AppFolders(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the five folders to standard wheels only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard" and self.target_name == "wheel":
            for folder in FOLDERS:
                build_data["force_include"][str(Path(self.root) / folder)] = f"dicomproof/_app/{folder}"
