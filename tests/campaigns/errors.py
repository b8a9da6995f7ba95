"""Lets system calls fail beneath a ledger, one after the other, and looks what it says.

Three lives are traced as in kills.py. At each call on each file of the ledger strace injects: EIO,
once (a retry would succeed: there must be none); ENOSPC from then on; and into a write, a device that
takes nothing (0 bytes). Then, by a library that is preloaded (short.c), each write is cut short: half
of its bytes are taken, and the rest is given again, or finds no space. The ledger may then refuse to open, or stop itself, with an error that says
why; or go on where the call was for a cache. It must not hang, panic outside of sled, or acknowledge
anything once it stopped (the driver tries); a write that is merely cut short it must go on with. Without the fault it must then open, and have
everything that was acknowledged.
"""

import subprocess
import sys
from pathlib import Path

from calls import LIFE, Lives, class_of
from common import MET_LEAST, MET_LEAST_SMALL, Campaign, parse

FAULTS = {
    "EIO once": "error=EIO:when=@",
    "ENOSPC from then on": "error=ENOSPC:when=@+",
    "0 bytes": "retval=0:when=@",
}
WRITES = ("write", "pwrite64")
SAID = {0: "went on", 3: "refused to open", 4: "stopped"}
# Where a failure may never be passed over; a segment that was prepared and not used yet may fail.
VITAL = {("journal", "fdatasync"), ("HEAD", "fsync"), ("HEAD", "rename")}
SMALL_POINTS = 12


def main():
    args = parse(__doc__)
    campaign = Campaign("errors", args.driver, args.seed)
    lives = Lives(campaign)
    outcomes = {}
    for life in ("begin", "reopen", "rebuild"):
        _, there = lives.points(life)
        points, there = lives.points(life, there // SMALL_POINTS if args.small else 1)
        campaign.count(f"calls of {life}", there)
        for point in points:
            for fault, what in FAULTS.items():
                if fault != "0 bytes" or point[1] in WRITES:
                    one(campaign, lives, life, point, (fault, what), outcomes)
        short(campaign, lives, life, args.small, outcomes)
    print("file, call, fault: what came of it")
    for key, ends in sorted(outcomes.items()):
        print(f"  {', '.join(key)}: {', '.join(f'{n} {end}' for end, n in sorted(ends.items()))}")
    sys.exit(campaign.end(MET_LEAST_SMALL if args.small else MET_LEAST))


def one(campaign, lives, life, point, fault, outcomes):
    name, what = fault

    def live():
        code, said, trace = lives.meet(life, point, what)
        return code, said, "(INJECTED)" in trace

    code, said, was_met = campaign.meet(live)
    if not was_met:
        return
    where = f"{lives.name(life, point)}, {name}"
    judge(campaign, lives, where, (point[0], point[1], name), (code, said), outcomes)


def short(campaign, lives, life, small, outcomes):
    """Cuts each write of a life short, once to go on, once to find the disk full."""
    library, told = campaign.place / "short.so", campaign.place / "short.said"
    source = Path(__file__).resolve().with_name("short.c")
    words = ["cc", "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o", library, source]
    subprocess.run(words, check=True)

    def live(number, then):
        lives.begin(life)
        told.unlink(missing_ok=True)
        env = {"SHORT_BELOW": lives.data, "SHORT_AT": number, "SHORT_THEN": then}
        env |= {"SHORT_SAID": told, "LD_PRELOAD": library}
        prefix = ["env", *(f"{name}={value}" for name, value in env.items())]
        end = campaign.load(lives.data, lives.acks, prefix, **LIFE)
        # Nothing is told where nothing was written.
        lines = told.read_text().splitlines() if told.exists() else []
        return end, [line.split(" ", 2) for line in lines]

    (code, said), lines = live(0, "")
    if code != 0:
        raise SystemExit(f"errors: {life} fails with nothing cut: {said}")
    writes = int(lines[-1][1])
    campaign.count(f"writes of {life}", writes)
    for number in range(1, writes + 1, max(1, writes // SMALL_POINTS) if small else 1):
        for name, then in (("short", ""), ("short, then no space", "full")):

            def cut(number=number, then=then):
                end, lines = live(number, then)
                return end, next((line for line in lines if line[0] == "cut"), None)

            end, line = campaign.meet(cut)
            if not line:
                continue
            _, call, path = line
            where = f"{lives.name(life, (path, call, number))}, {name}"
            judge(campaign, lives, where, (path, call, name), end, outcomes)


def judge(campaign, lives, where, point, end, outcomes):
    """What a life with a fault came to, and what is left."""
    (path, call, name), (code, said) = point, end
    campaign.count("runs")
    campaign.count(f"injected: {name}")
    kept = (lives.data, lives.acks)
    kind = class_of(path, lives.data)
    ends = outcomes.setdefault((kind, call, name), {})
    end = SAID.get(code, f"exit {code}")
    ends[end] = ends.get(end, 0) + 1
    campaign.count(end)
    panics = [line for line in said.splitlines() if "panicked at" in line and "sled-" not in line]
    if code not in SAID or panics:
        campaign.fail(where, f"exit {code}: {said[-2000:]}", *kept)
        return
    if name == "short" and code != 0:
        campaign.fail(where, f"not gone on with: {said}", *kept)
    if name != "short" and code == 0 and (kind, call) in VITAL:
        campaign.fail(where, f"passed over: {said}", *kept)
    last = [line for line in said.splitlines() if line.startswith(("refused: ", "stopped: "))]
    if code != 0 and not any(len(line) > 30 for line in last):
        campaign.fail(where, f"no clear error: {said}", *kept)
    if code == 4 and "\nerror: " in said and "still reads: true" not in said:
        campaign.fail(where, f"reads did not go on: {said}", *kept)
    options = {"segment_kib": LIFE["segment_kib"], "reserve_kib": LIFE["reserve_kib"]}
    campaign.check(where, *kept, *kept, **options)


if __name__ == "__main__":
    main()
