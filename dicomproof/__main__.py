"""Knows how the command starts. Must not know anything else."""

from __future__ import annotations

from dicomproof.cli import main

if __name__ == "__main__":
    main()
