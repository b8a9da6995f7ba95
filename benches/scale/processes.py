"""What processes cost: wall, CPU, bytes read, memory; and a server that is asked over HTTP."""

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/campaigns/attack"))

from served import KEY, SECRET, mint

MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
# A ledger of ten million events may take minutes to open.
START_MAX_S = 600


@dataclass
class Cost:
    """What one answer cost."""

    wall_s: float
    cpu_s: float
    read_mib: float
    peak_mib: float
    answer_bytes: int
    outcome: str
    is_well: bool
    is_given_up: bool = False


def forget(data):
    """Has the page cache forget the files below `data`."""
    os.sync()
    for folder, _, names in os.walk(data):
        for name in names:
            try:
                file = os.open(os.path.join(folder, name), os.O_RDONLY)
            except FileNotFoundError:
                continue
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def read_mib(pid):
    """What it read by system calls, from the page cache or from disk."""
    with open(f"/proc/{pid}/io") as io:
        for line in io:
            if line.startswith("rchar:"):
                return int(line.split()[1]) / MIB
    return 0


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Command:
    """A command of `roomledger` with a bound on its time."""

    def __init__(self, words, limit_s):
        self.words, self.limit_s = words, limit_s
        self.environment = {
            **os.environ,
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
        }

    def run(self):
        with tempfile.TemporaryFile(dir="/dev/shm") as out, tempfile.TemporaryFile() as err:
            began = time.monotonic()
            process = subprocess.Popen(self.words, stdout=out, stderr=err, env=self.environment)
            given_up = []

            def give_up():
                given_up.append(True)
                process.send_signal(signal.SIGKILL)

            timer = threading.Timer(self.limit_s, give_up)
            timer.start()
            # Until it is waited for, a process that ended still tells what it read.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            wall_s = time.monotonic() - began
            timer.cancel()
            read = read_mib(process.pid)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            err.seek(0)
            problem = err.read(200).decode(errors="replace").split("\n")[0]
            code = process.returncode
            return Cost(
                wall_s,
                usage.ru_utime + usage.ru_stime,
                read,
                usage.ru_maxrss / 1024,
                out.seek(0, os.SEEK_END),
                "given up" if given_up else f"exit {code}: {problem}".replace("|", "/"),
                code == 0,
                bool(given_up),
            )


class Server:
    """`roomledger serve --dev` on a ledger, and what it costs."""

    def __init__(self, binary, data):
        self.data, self.peak_ever = data, 0
        began = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve", "--dev", "--data", data, "--listen", "127.0.0.1:0"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if "listening on http://" in line:
                address = line.split("http://")[1].split(",")[0].strip().strip("/")
                self.port = int(address.rsplit(":", 1)[1])
                break
        else:
            raise SystemExit("the server did not start")
        self.pid, self.url = self.process.pid, f"http://127.0.0.1:{self.port}"
        self.listens_s = time.monotonic() - began
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        while self.request("GET", "/readyz", {}, None, 60)[0] != 200:
            if time.monotonic() - began > START_MAX_S:
                raise SystemExit("the server is not ready")
            time.sleep(0.01)
        self.ready_s = time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def memory_mib(self):
        found = {}
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(("VmRSS", "VmHWM")):
                found[line.split(":")[0]] = int(line.split()[1]) // 1024
        self.peak_ever = max(self.peak_ever, found["VmHWM"])
        return found

    def reads_mib(self):
        return read_mib(self.pid)

    def request(self, method, path, headers, body, limit_s):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit_s)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            size, first = 0, b""
            while part := answer.read(MIB):
                size += len(part)
                first = first or part
            return answer.status, size, first
        finally:
            connection.close()

    def ask(self, question, limit_s):
        """One plain request."""

        def once():
            began = time.monotonic()
            try:
                status, size, first = self.request(
                    question.method, question.path, question.headers(), question.body, limit_s
                )
                outcome, well = f"{status}: {first[:120]!r}".replace("|", "/"), status == 200
                given_up = False
            except TimeoutError:
                size, outcome, well, given_up = 0, "given up", False, True
            wall_s = time.monotonic() - began
            return Cost(wall_s, 0, 0, 0, size, outcome, well, given_up)

        return self.beside(once)

    def beside(self, ask):
        """What `ask` costs, with what the server has to do for it."""
        self.memory_mib()
        # The peak begins anew.
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        cpu, read = cpu_s(self.pid), read_mib(self.pid)
        cost = ask()
        cost.cpu_s += cpu_s(self.pid) - cpu
        cost.read_mib = read_mib(self.pid) - read
        cost.peak_mib = self.memory_mib()["VmHWM"]
        if cost.is_given_up:
            self.rest()
        return cost

    def rest(self):
        """Waits until the server no longer works at what was given up, but not for ever."""
        for _ in range(60):
            before = cpu_s(self.pid)
            time.sleep(0.5)
            if cpu_s(self.pid) - before < 0.05:
                return

    def follow(self, after, for_s):
        """Seconds until the first event of a stream, events, and how long they were read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        token = mint(sub="follower", ledger={"audit": True})
        began = time.monotonic()
        connection.request(
            "GET", f"/api/v1/stream?after={after}", headers={"authorization": f"Bearer {token}"}
        )
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"the stream: {answer.status}")
        first_s, events, kept = None, 0, b""
        while time.monotonic() - began < for_s:
            part = answer.read1(MIB)
            if not part:
                break
            # A mark may be cut in two.
            events += (kept + part).count(b"\nid:")
            kept = part[-3:]
            if first_s is None and events:
                first_s = time.monotonic() - began
        took_s = time.monotonic() - began
        connection.close()
        return first_s or took_s, events, took_s
