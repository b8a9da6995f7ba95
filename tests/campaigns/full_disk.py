"""Takes the disk away beneath a ledger under load: full, read-only, immutable, gone.

On tmpfs (where short writes come whole) and on ext4 in a loop image of a few MiB. Each case says what
must happen while the cause lasts; when it is gone the ledger must open and have everything that was
acknowledged.

  reserve     less is free than the reserve: commands are refused, nothing stops; once room is made
              the same process takes commands again. Once with a slow load, and once with a fast one
              and a reserve that is smaller than what sled then lags behind
  full        no reserve: the engine stops itself at ENOSPC, with an error that says so
  full open   a full file system: an open works, and commands are refused with an error that says
              why; or the open is
  read-only   an open on a file system mounted read-only is refused with an error that says so
  immutable   no file can be made or replaced in journal/, in the data directory: the engine stops
  gone        the device vanishes (ext4 shut down): the engine stops
"""

import fcntl
import os
import struct
import subprocess
import sys
import time

from common import Campaign, parse, stop, until

EXT4_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
MIB = 1 << 20
LOAD = {"callers": 4, "bytes": 3000, "segment_kib": 1024, "rate_kib": 16 << 10}
OPENED = {"segment_kib": 1024, "reserve_kib": 256}


class FullDisk(Campaign):
    def __init__(self, args):
        super().__init__("full_disk", args.driver, args.seed)
        self.acks, self.said = self.place / "acks", self.place / "said"

    def disk(self, kind):
        there = self.place / "disk"
        self.acks.unlink(missing_ok=True)
        if kind == "tmpfs":
            return self.mount("-t", "tmpfs", "-o", "size=64M", "tmpfs", there)
        return self.mount("-o", "loop", self.image(self.place / "disk.img", 72), there)

    def start(self, there, reserve_kib, **load):
        options = {**LOAD, "reserve_kib": reserve_kib, **load}
        words = self.args("load", there / "data", self.acks, **options)
        with open(self.said, "wb") as said:
            return subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT
            )

    def acknowledged(self):
        return self.acks.stat().st_size if self.acks.exists() else 0

    def stands(self):
        """Whether nothing was acknowledged for half a second."""
        before = self.acknowledged()
        time.sleep(0.5)
        return self.acknowledged() == before

    def end_of(self, process):
        """Asks it to close; exit code (None: it hung) and what it said."""
        return stop(process), self.said.read_text()

    def stopped(self, where, process, words, reads=True):
        """The engine stopped itself, said why, and still reads, where there is a disk."""
        until(process, lambda: False)
        code, said = self.end_of(process)
        clear = any(word in said for word in words)
        if code != 4 or not clear or (reads and "still reads: true" not in said):
            self.fail(where, f"exit {code}: {said}")

    def finish(self, where, there):
        self.count("runs")
        self.check(where, there / "data", self.acks, there, self.acks, **OPENED)
        self.unmount(there)

    def reserve(self, kind, reserve_kib, **load):
        where, there = f"{kind}: reserve of {reserve_kib} KiB", self.disk(kind)
        filler, spare = there / "filler", there / "spare"
        filler.write_bytes(bytes(20 * MIB))
        # What the check is to find free, however fast the load takes the rest.
        spare.write_bytes(bytes(10 * MIB))
        process = self.start(there, reserve_kib, **load)
        if not until(process, lambda: "kept in reserve" in self.said.read_text()):
            self.fail(where, "it refused nothing")
        # Where sled needs less than was kept for it, a few commands fit each time it has caught up;
        # on a busy machine that goes on, and leaves the reserve alone.
        refuses = until(process, self.stands) or free_bytes(there) >= reserve_kib << 10
        if not refuses or process.poll() is not None:
            self.fail(where, f"it went on below its reserve, or ended: {self.end_of(process)}")
        before = self.acknowledged()
        filler.unlink()
        if not until(process, lambda: self.acknowledged() > before):
            self.fail(where, "it took no commands once there was room")
        code, said = self.end_of(process)
        if code != 0 or "kept in reserve" not in said:
            self.fail(where, f"exit {code}: {said}")
        spare.unlink()
        self.finish(where, there)

    def full(self, kind):
        where, there = f"{kind}: full", self.disk(kind)
        filler = there / "filler"
        # As much as the indexed copy may still need once there is room.
        filler.write_bytes(bytes(self.random.randrange(34 * MIB, 42 * MIB)))
        process = self.start(there, 0)
        self.stopped(where, process, ["No space left", "StorageFull"])
        process = self.start(there, 16 << 10, callers=1, commands=1)
        until(process, lambda: "kept in reserve" in self.said.read_text())
        code, said = self.end_of(process)
        self.count({3: "full open: refused"}.get(code, "full open: opens"))
        if code not in (0, 3, 4) or (code != 0 and len(said) < 40):
            self.fail(f"{where} open", f"exit {code}: {said}")
        filler.unlink()
        self.finish(where, there)

    def read_only(self):
        where, there = "ext4: read-only", self.disk("ext4")
        code, said = self.load(there / "data", self.acks, commands=50, reserve_kib=256, **LOAD)
        if code != 0:
            self.fail(where, f"exit {code}: {said}")
        subprocess.run(["mount", "-o", "remount,ro", there], check=True)
        code, said = self.load(there / "data", self.acks, commands=1, **LOAD)
        if code != 3 or "Read-only file system" not in said:
            self.fail(where, f"exit {code}: {said}")
        subprocess.run(["mount", "-o", "remount,rw", there], check=True)
        self.finish(where, there)

    def immutable(self, folder):
        where, there = f"ext4: immutable {folder or 'data'}", self.disk("ext4")
        process = self.start(there, 256)
        until(process, lambda: self.acknowledged() > 1000)
        path = there / "data" / folder
        subprocess.run(["chattr", "+i", path], check=True)
        self.stopped(where, process, ["not permitted"])
        code, said = self.load(there / "data", self.acks, commands=1, reserve_kib=256, **LOAD)
        if code not in (0, 3, 4):
            self.fail(f"{where} open", f"exit {code}: {said}")
        subprocess.run(["chattr", "-i", path], check=True)
        self.finish(where, there)

    def gone(self):
        where, there = "ext4: gone", self.disk("ext4")
        process = self.start(there, 256)
        until(process, lambda: self.acknowledged() > self.random.randrange(1000, 20000))
        folder = os.open(there, os.O_RDONLY)
        fcntl.ioctl(folder, EXT4_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(folder)
        self.stopped(where, process, ["Input/output error", "Read-only"], reads=False)
        self.unmount(there)
        self.mount("-o", "loop", self.place / "disk.img", there)
        self.finish(where, there)


def free_bytes(there):
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize


def main():
    args = parse(__doc__)
    campaign = FullDisk(args)
    for _ in range(1 if args.small else 5):
        for kind in ("tmpfs", "ext4"):
            campaign.reserve(kind, 12 << 10, rate_kib=2 << 10)
            campaign.reserve(kind, 4 << 10, rate_kib=1 << 20, callers=16, bytes=65536)
            campaign.full(kind)
        campaign.read_only()
        campaign.immutable("journal")
        campaign.immutable("")
        campaign.gone()
    sys.exit(campaign.end())


if __name__ == "__main__":
    main()
