"""Runs the attacks that are named, or all, each on a server of its own."""

import importlib
import sys
from pathlib import Path

from served import Server

HERE = Path(__file__).resolve().parent
# The other files here are scripts that begin servers themselves.
ATTACK = "\ndef attack(server, small):"


def main():
    binary, *words = sys.argv[1:]
    small = "--small" in words
    named = [word for word in words if word != "--small"]
    known = sorted(file.stem for file in HERE.glob("*.py") if ATTACK in file.read_text())
    unknown = [name for name in named if name not in known]
    if unknown:
        raise SystemExit(f"no attack {unknown[0]}: there are {', '.join(known)}")
    failed = []
    for name in named or known:
        with Server(binary) as server:
            if not importlib.import_module(name).attack(server, small):
                failed.append(name)
    if failed:
        raise SystemExit(f"FAILED: {', '.join(failed)}")


main()
