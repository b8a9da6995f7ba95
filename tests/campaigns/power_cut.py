"""Cuts the power beneath a ledger under load, again and again.

The ledger lives on ext4, in a loop image, on XFS, in memory. While it works, the image is cloned
(`FICLONE`, atomic): the clone holds what had reached the block layer at that instant and nothing of
the page cache above, as a disk does after a cut. The size of the file of acknowledgements is read
before. Each clone is mounted (ext4 replays its journal) and checked against those acknowledgements:
all there, once, in order, whole; repeats recognised; new commands taken; `verify` clean. Where sled was
not removed before, it has all but the end: what it lost more is given to it again without a word, and
would show nowhere else.

Every ledger starts with 16 MiB of metadata, which fill four segments of sled. The same cuts are then made with fdatasync of
the journal left out: if nothing is lost then, the rig sees nothing, and the campaign fails.

Not seen: what a drive loses of its own volatile cache after it was told to flush.
"""

import fcntl
import subprocess
import sys
import time

from common import Campaign, parse, stop, until

FICLONE = 0x40049409
# name, clones of one run, seconds over which they are spread, options, what happens meanwhile
PHASES = [
    ("steady", 15, 2.0, {}, None),
    ("rotate", 10, 1.0, {"segment_kib": 1024}, None),
    ("snapshot", 8, 1.0, {"snapshot_events": 8, "checkpoint_events": 64}, None),
    ("rebuild", 6, 0.5, {}, "rebuild"),
    ("shutdown", 6, 0.1, {"segment_kib": 4096}, "shutdown"),
    ("recovery", 6, 0.4, {"segment_kib": 1024}, "recovery"),
]
SMALL_PHASES = [("rotate", 3), ("rebuild", 2), ("shutdown", 2), ("recovery", 2)]
LOADS = [(1, 120), (16, 120), (256, 120), (1, 65536), (16, 65536), (256, 65536)]
SMALL_LOADS = [(16, 120), (256, 65536)]
UNSYNCED_CUTS = 12
IMAGE_MIB = 2048
# Of acknowledgements before the first cut: some fifty.
ACKS_BYTES = 1000
# What the copy of the first load takes: less, and it is being built anew.
SLED_MIB = 32
# Of metadata a second: a run stays within its image.
RATE_KIB = 8 << 10
# How far sled may end before the journal: 2 MiB that it had not synced, and a second of the load
# that it had not been given. The first load alone is twice as much.
SLED_BEHIND_BYTES_MAX = (2 << 20) + (RATE_KIB << 10)


class PowerCuts(Campaign):
    def __init__(self, args):
        super().__init__("power_cut", args.driver, args.seed)
        self.sled_behind_bytes = 0
        # tmpfs cannot clone, XFS can.
        xfs = self.place / "xfs.img"
        with open(xfs, "wb") as file:
            file.truncate(12 << 30)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", xfs], check=True)
        self.xfs = self.mount("-o", "loop", xfs, self.place / "xfs")
        self.template = self.image(self.xfs / "template.img", IMAGE_MIB)
        self.template_acks = self.place / "template.acks"
        there = self.mount("-o", "loop", self.template, self.place / "disk")
        options = {"first_caller": 1000, "callers": 16, "bytes": 65536, "commands": 16}
        code, said = self.load(there / "data", self.template_acks, **options)
        self.unmount(there)
        if code != 0:
            sys.exit(f"power_cut: the first load failed: {said}")

    def clone(self, image, to):
        with open(image, "rb") as source, open(to, "wb") as target:
            fcntl.ioctl(target, FICLONE, source.fileno())
        return to

    def round(self, name, load, cuts, phase, meanwhile, unsynced=False):
        """One run of the load with `cuts` clones taken of it, then checked."""
        image = self.clone(self.template, self.xfs / "disk.img")
        acks = self.place / "acks"
        acks.write_bytes(self.template_acks.read_bytes())
        callers, size = load
        options = {"callers": callers, "bytes": size, "rate_kib": RATE_KIB, **phase[1]}
        if unsynced:
            options["unsynced"] = True
        if meanwhile == "recovery":
            taken = self.recoveries(image, acks, cuts, phase[0], options)
        else:
            taken = self.clones(image, acks, cuts, phase[0], options, meanwhile)
        image.unlink()
        options.pop("unsynced", None)
        for number, (cut, known) in enumerate(taken):
            self.examine(f"{name} {callers}x{size} cut {number}", cut, known, unsynced)
        print(f"  {name}, {callers} callers, {size} bytes: {cuts} cuts", flush=True)

    def start(self, image, acks, options, ready=True):
        there = self.mount("-o", "loop", image, self.place / "disk")
        words = self.args("load", there / "data", acks, **options)
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if ready and process.stdout.readline() != b"ready\n":
            # Repairs are told first.
            for line in process.stdout:
                if line == b"ready\n":
                    break
        return there, process

    def wait_until(self, process, what):
        """Until the load is where the cuts are meant to come: before, they cut nothing."""
        if not until(process, what, 0.001):
            self.fail("load", "it does not come to where it is to be cut")

    def cut(self, image, acks, number):
        """What was acknowledged before, then the clone."""
        known = self.place / f"acks-{number}"
        known.write_bytes(acks.read_bytes())
        return self.clone(image, self.xfs / f"cut-{number}.img"), known

    def clones(self, image, acks, cuts, spread_s, options, meanwhile):
        if meanwhile == "rebuild":
            there = self.mount("-o", "loop", image, self.place / "disk")
            subprocess.run(["rm", "-r", there / "data" / "db"], check=True)
            self.unmount(there)
        there, process = self.start(image, acks, options, ready=meanwhile != "rebuild")
        if meanwhile == "rebuild":
            # It is old enough when the new copy's file is there.
            self.wait_until(process, (there / "data" / "db" / "db").exists)
        else:
            enough = self.template_acks.stat().st_size + ACKS_BYTES
            self.wait_until(process, lambda: acks.stat().st_size >= enough)
        if meanwhile == "shutdown":
            time.sleep(self.random.uniform(0.2, 0.6))
            process.stdin.close()
        taken = []
        for number in range(cuts):
            time.sleep(self.random.uniform(0, 2 * spread_s / cuts))
            taken.append(self.cut(image, acks, number))
        if stop(process) is None:
            self.fail("shutdown", "the load did not end")
        self.unmount(there)
        return taken

    def recoveries(self, image, acks, cuts, spread_s, options):
        """The first cut comes under load; each later one while the last is recovered from."""
        taken = []
        enough = acks.stat().st_size + ACKS_BYTES
        for number in range(cuts):
            there, process = self.start(image, acks, options, ready=number == 0)
            # Its pid stands in LOCK as soon as it opens.
            lock, note = there / "data" / "LOCK", f"pid {process.pid}\n"
            self.wait_until(process, lambda: lock.read_text().startswith(note))
            if number == 0:
                self.wait_until(process, lambda: acks.stat().st_size >= enough)
            time.sleep(self.random.uniform(0, 2 * spread_s / cuts))
            cut, known = self.cut(image, acks, number)
            process.kill()
            process.wait()
            self.unmount(there)
            # Life goes on from the cut: what was acknowledged after it is no promise.
            acks.write_bytes(known.read_bytes())
            self.clone(cut, image)
            taken.append((cut, known))
        return taken

    def examine(self, name, cut, known, unsynced):
        there = self.mount("-o", "loop", cut, self.place / "cut")
        data = there / "data"
        sled_mib = sum(f.stat().st_size for f in (data / "db").glob("db")) >> 20
        self.count("cuts" if not unsynced else "unsynced cuts")
        self.count("runs")
        if unsynced:
            before = dict(self.counts)
            report = self.check(name, data, known, expect_loss=True)
            # Losses here are what is wanted: they do not count among the others.
            for what in ("acknowledged", "lost", "torn", "sled_rebuilt", "did not open"):
                self.counts[what] = before.get(what, 0)
            harmed = report.get("problems") or not report["opens"]
            self.count("unsynced cuts that harmed", 1 if harmed else 0)
            self.count("refused to open after an unsynced cut", 0 if report["opens"] else 1)
            self.count("lost after an unsynced cut", report.get("lost", 0))
            if self.counts["unsynced cuts"] == 1:
                print(f"unsynced, for example: {report}", flush=True)
        else:
            self.count(name.split()[0])
            self.count("in the middle of a rebuild", 1 if sled_mib < SLED_MIB else 0)
            # Kept as it is after the check: the repairs say what was done to it.
            report = self.check(name, data, known, cut, known)
            self.count("closed before the cut", 1 if report.get("was_clean") else 0)
            behind = report.get("sled_behind_bytes") or 0
            if name.split()[0] != "rebuild":
                self.sled_behind_bytes = max(self.sled_behind_bytes, behind)
                if behind > SLED_BEHIND_BYTES_MAX:
                    self.fail(name, f"sled had lost {behind} bytes of the journal", cut, known)
        self.unmount(there)
        cut.unlink()
        known.unlink()


def main():
    args = parse(__doc__)
    rig = PowerCuts(args)
    wanted = dict(SMALL_PHASES) if args.small else {phase[0]: phase[1] for phase in PHASES}
    for name, _, spread_s, options, meanwhile in PHASES:
        for load in SMALL_LOADS if args.small else LOADS:
            if name in wanted:
                rig.round(name, load, wanted[name], (spread_s, options), meanwhile)
    cuts = 4 if args.small else UNSYNCED_CUTS
    # A cut may fall where all is written by chance: not in this many.
    for _ in range(3):
        rig.round("unsynced", (16, 120), cuts, (1.0, {}), None, unsynced=True)
        if rig.counts["unsynced cuts that harmed"] > 0:
            break
    if rig.counts["unsynced cuts that harmed"] == 0:
        rig.fail("unsynced", "without fdatasync nothing was lost: the rig sees nothing")
    print(f"sled was behind by at most {rig.sled_behind_bytes >> 10} KiB", flush=True)
    sys.exit(rig.end())


if __name__ == "__main__":
    main()
