"""What the standard demands: rules, the mutants they must kill, the probes that provoke them.

Must not know simulators, reports or the front door.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from harness.rule import CATALOGUE, Catalogue


@cache
def load() -> Catalogue:
    """Import every module of the suites, which declares its rules; the catalogue they fill."""
    for module in pkgutil.walk_packages(__path__, "suites."):
        importlib.import_module(module.name)
    return CATALOGUE
