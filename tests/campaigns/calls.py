"""The system calls of a life of a ledger: listed from a trace, so that each can be met again.

A point is a file, a call and a number: the n-th such call on that file by one thread (strace counts
threads apart). Every point of three lives is listed: a ledger begun, one opened after a kill, and
one whose indexed copy has to be built anew; each commits, rotates, snapshots, and closes.
"""

import re
import shutil
import subprocess
import time

from common import fresh

# What changes a file system, and openat, through which O_CREAT and reading go.
CALLS = (
    "openat,write,pwrite64,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,ftruncate,"
    "fallocate,unlink,unlinkat,mkdir,mkdirat,flock,fstatfs,statfs"
)
# Two rotations, a few snapshots and checkpoints.
LIFE = {
    "commands": 40,
    "bytes": 3000,
    "segment_kib": 64,
    "reserve_kib": 1024,
    "snapshot_events": 8,
    "checkpoint_events": 16,
}
LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)$")


class Lives:
    """The three lives, always in the same place, since strace is told paths."""

    def __init__(self, campaign):
        self.campaign = campaign
        self.data, self.acks = campaign.place / "data", campaign.place / "acks"
        self.bases = {"begin": None}
        self.begin("begin")
        process = subprocess.Popen(
            campaign.args("load", self.data, self.acks, **{**LIFE, "commands": 1 << 40}),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        # Killed once it has rotated.
        while process.poll() is None and len(list(self.data.glob("journal/*"))) < 4:
            time.sleep(0.001)
        process.kill()
        process.wait()
        self.keep("reopen")
        shutil.rmtree(self.data / "db")
        self.keep("rebuild")

    def keep(self, name):
        base = self.campaign.place / f"base-{name}"
        fresh(base)
        subprocess.run(["cp", "-r", self.data, base / "data"], check=True)
        shutil.copy(self.acks, base / "acks")
        self.bases[name] = base

    def begin(self, life):
        """Lays the files of a life out anew."""
        base = self.bases[life]
        shutil.rmtree(self.data, ignore_errors=True)
        self.acks.unlink(missing_ok=True)
        if base:
            subprocess.run(["cp", "-r", base / "data", self.data], check=True)
            shutil.copy(base / "acks", self.acks)

    def points(self, life, every=1):
        """All points of a life, or an even sample of them; and how many there are."""
        self.begin(life)
        trace = self.campaign.place / "trace"
        prefix = ["strace", "-f", "-y", "-qq", "-o", trace, "-e", f"trace={CALLS}"]
        code, said = self.campaign.load(self.data, self.acks, prefix, **LIFE)
        if code != 0:
            raise SystemExit(f"{self.campaign.name}: {life} fails untouched: {said}")
        counts = {}
        for line in trace.read_text(errors="replace").splitlines():
            found = LINE.match(line)
            # The first path is the one that matters; of a rename the file that is replaced.
            paths = re.findall(rf'{self.data}[^">]*', found[3]) if found else []
            if paths:
                key = (paths[-1 if "rename" in found[2] else 0], found[2], found[1])
                counts[key] = counts.get(key, 0) + 1
        most = {}
        for (path, call, _), count in counts.items():
            most[path, call] = max(most.get((path, call), 0), count)
        points = [
            (path, call, number)
            for (path, call), count in sorted(most.items())
            for number in range(1, count + 1)
        ]
        return points[:: max(1, every)], len(points)

    def meet(self, life, point, what):
        """Lives until the point is met and `what` happens there; exit code, words, the trace."""
        self.begin(life)
        path, call, number = point
        trace = self.campaign.place / "trace"
        when = what.replace("@", str(number))
        inject = f"inject={call}:{when}"
        prefix = ["strace", "-f", "-qq", "-o", trace, "-P", path, "-e", f"trace={call}"]
        prefix += ["-e", inject]
        code, said = self.campaign.load(self.data, self.acks, prefix, **LIFE)
        return code, said, trace.read_text(errors="replace")

    def name(self, life, point):
        path, call, number = point
        return f"{life}: {call} {number} of {path.removeprefix(str(self.data)) or '/'}"


def class_of(path, data):
    """What a file is, whatever its number."""
    rest = path.removeprefix(str(data)).lstrip("/")
    top = rest.split("/")[0]
    return {"": "folder", "HEAD.new": "HEAD"}.get(top, top)
