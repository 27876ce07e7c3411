"""Knows how long we serve: until a command has ended, a time is over, or somebody says stop.

Must not know what is served.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from types import FrameType

from dicomproof.run import UsageError


def until(
    command: Sequence[str], seconds: float | None, words: Mapping[str, str], environment: Mapping[str, str]
) -> str:
    """Wait; what there is to say about how it ended, '' for nothing.

    `words`: what stands for {name} in the words of the command, which also finds `environment`.
    """
    if not command:
        _wait(seconds)
        return ""
    spoken = [_spoken(word, words) for word in command]
    try:
        done = subprocess.run(spoken, env={**os.environ, **environment}, check=False, timeout=seconds)
    except (FileNotFoundError, PermissionError):
        raise UsageError(f"There is no command {spoken[0]!r}.") from None
    except subprocess.TimeoutExpired:
        return f"The command {spoken[0]} was stopped after {seconds:g} s."
    return f"The command {spoken[0]} ended with exit code {done.returncode}." if done.returncode else ""


def _spoken(word: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _wait(seconds: float | None) -> None:
    """Until the time is over, or somebody interrupts or asks to terminate."""
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    main = threading.current_thread() is threading.main_thread()
    before = {n: signal.signal(n, told) for n in (signal.SIGINT, signal.SIGTERM)} if main else {}
    try:
        stop.wait(seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
