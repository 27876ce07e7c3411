"""Knows how an answer is looked at, or changed, at the place where it leaves: one seam for mutants and recording.

Must not know mutants, rules or transactions.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
from anyio.from_thread import run as run_in_loop
from anyio.to_thread import run_sync
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.body import CHUNK, EMPTY, Body
from harness.exchange import Answer, Ask, Exchange, Fault, Headers

log = logging.getLogger("simulators.doors")

Door = Callable[[Ask], Answer]
Mutate = Callable[[Ask, Door], Answer]
Observe = Callable[[Exchange], None]

MEMORY = 8 << 20  # octets of a body that are kept in memory; longer ones go to a file
