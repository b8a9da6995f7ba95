"""What the campaigns share: the driver, scratch places in memory, mounts, and how they report.

Everything is made below one scratch directory on a tmpfs and taken away at the end; what failed is
kept below target/campaigns/kept first.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "target" / "campaigns" / "kept"
# A machine that builds beside us is slow; who needs longer hangs.
LIMIT_S = 120
# Of the calls that one life made, so many come in the next, or one of a few more; less of --small,
# where each of some sixty weighs more.
MET_LEAST, MET_LEAST_SMALL = 0.9, 0.75
MEET_TRIES = 3


class Campaign:
    """One campaign: its seed, its scratch place, its counts and its failures."""

    def __init__(self, name, driver, seed):
        self.name, self.driver, self.seed = name, str(driver), seed
        self.random = random.Random(seed)
        self.counts, self.failures = {}, []
        self.started = time.monotonic()
        self.place = Path(tempfile.mkdtemp(prefix=f"campaign-{name}-", dir="/dev/shm"))
        self.mounted = []
        print(f"{name}: seed {seed}", flush=True)

    def count(self, what, number=1):
        self.counts[what] = self.counts.get(what, 0) + number

    def fail(self, where, what, *keep):
        """Notes a failure and keeps the files that show it."""
        folder = KEPT / f"{self.name}-{self.seed}-{len(self.failures)}"
        if len(self.failures) < 10:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for path in keep:
                subprocess.run(["cp", "-r", "--sparse=always", path, folder], check=False)
            (folder / "why.txt").write_text(f"{where}\n{what}\n")
            print(f"FAILED {where}: {what[:1500]}\n  kept: {folder}", flush=True)
        else:
            print(f"FAILED {where}", flush=True)
        self.failures.append(where)

    def args(self, mode, data, acks, **options):
        """The driver's command line."""
        words = [self.driver, mode, "--data", str(data), "--acks", str(acks)]
        for name, value in options.items():
            name = "--" + name.replace("_", "-")
            words += [name] if value is True else [name, str(value)]
        return words

    def load(self, data, acks, prefix=(), **options):
        """Runs a load to its end; returns exit code (None: it hung) and what it said."""
        words = [*prefix, *self.args("load", data, acks, **options)]
        return run(words)

    def check(self, where, data, acks, *keep, expect_loss=False, **options):
        """Compares what is left with what was acknowledged; returns the driver's report."""
        code, said = run(self.args("check", data, acks, **options))
        try:
            report = json.loads(said.strip().splitlines()[-1])
        except (ValueError, IndexError):
            report = {"opens": False, "problem": f"exit {code}: {said[-2000:]}"}
        self.count("acknowledged", report.get("acknowledged", 0))
        for what in ("lost", "torn", "sled_rebuilt"):
            self.count(what, report.get(what, 0))
        if not report["opens"]:
            self.count("did not open")
        if code != 0 and not expect_loss:
            self.fail(where, json.dumps(report), *keep)
        return report

    def mount(self, *words):
        """mount(8); unmounted at the end at the latest."""
        target = Path(words[-1])
        target.mkdir(exist_ok=True)
        # Somebody else may take the loop device that was found to be free.
        for left in (2, 1, 0):
            if subprocess.run(["mount", *map(str, words)], check=not left).returncode == 0:
                break
            time.sleep(1)
        self.mounted.append(target)
        return target

    def unmount(self, target):
        # A dying process may still hold a file.
        for _ in range(LIMIT_S * 10):
            if subprocess.run(["umount", target], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        else:
            sys.exit(f"{self.name}: cannot unmount {target}")
        self.mounted.remove(target)

    def image(self, path, mib):
        """A new ext4 in a sparse file, everything written at once."""
        with open(path, "wb") as file:
            file.truncate(mib << 20)
        lazy = "lazy_itable_init=0,lazy_journal_init=0"
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", lazy, path], check=True)
        return path

    def meet(self, once):
        """Lives until what is to happen happened, a few times at most: threads take turns as they
        like, so that a call may not come again. Gives what `once` gives, the last of it whether
        it was met."""
        for _ in range(MEET_TRIES):
            came = once()
            if came[-1]:
                break
        self.count("met" if came[-1] else "not met")
        return came

    def end(self, met_least=0):
        """Cleans up, prints the figures; returns the exit code. It fails also when nothing was run,
        or less than this share of what was to happen happened."""
        for target in reversed(self.mounted[:]):
            self.unmount(target)
        shutil.rmtree(self.place, ignore_errors=True)
        took = time.monotonic() - self.started
        figures = ", ".join(f"{value} {what}" for what, value in self.counts.items())
        print(f"{self.name}: {figures}; seed {self.seed}, {took:.0f} s", flush=True)
        runs, met, not_met = (self.counts.get(what, 0) for what in ("runs", "met", "not met"))
        passed = runs - len(set(self.failures))
        print(f"{self.name}: {passed} passed, {len(set(self.failures))} failed", flush=True)
        # What met nothing shows nothing, however well it ends.
        if runs == 0 or met < met_least * (met + not_met) or (met_least and not met):
            print(f"FAILED {self.name}: {runs} runs; {not_met} of {met + not_met} not met", flush=True)
            return 1
        return 1 if self.failures else 0


def run(words, limit_s=LIMIT_S):
    """Runs to the end; a process that hangs is killed and has no exit code."""
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        said, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        return None, said.decode(errors="replace")
    return process.returncode, said.decode(errors="replace")


def until(process, what, pause_s=0.01):
    """Waits for a condition, as long as the load lives; whether it came."""
    deadline = time.monotonic() + LIMIT_S
    while not what() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(pause_s)
    return what()


def stop(process):
    """Asks a load to close, and waits; its exit code, none when it hung and was killed."""
    if not process.stdin.closed:
        process.stdin.close()
    try:
        return process.wait(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def parse(description):
    """The arguments that every campaign takes."""
    import argparse

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--driver", required=True, help="the built example `campaign`")
    parser.add_argument("--small", action="store_true", help="a minute's worth, for CI")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    return parser.parse_args()


def fresh(path, base=None):
    """`path` as a new directory, or as a copy of `base`."""
    shutil.rmtree(path, ignore_errors=True)
    if base is None:
        os.makedirs(path)
    else:
        subprocess.run(["cp", "-r", "--sparse=always", base, path], check=True)
    return path
