"""A server on loopback, callers with tokens of its public key, and a bystander whose commands are
timed while somebody else asks for much. Nothing but Python's own library.
"""

import base64
import hashlib
import hmac
import http.client
import json
import multiprocessing
import shutil
import subprocess
import tempfile
import threading
import time

KEY, SECRET = "devkey", "secret"
# A command is answered in milliseconds; below this a machine's own noise is measured.
FLOOR_S = 0.004
RATIO_MAX = 5


class Server:
    """`roomledger serve --dev` with a ledger of its own, which is taken away at the end."""

    def __init__(self, binary):
        self.place = tempfile.mkdtemp(prefix="attack-", dir="/dev/shm")
        self.process = subprocess.Popen(
            [binary, "serve", "--dev", "--data", f"{self.place}/data", "--listen", "127.0.0.1:0"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if "listening on http://" in line:
                self.port = int(line.split("http://")[1].split(",")[0].rsplit(":", 1)[1].strip("/"))
                break
        else:
            raise SystemExit("the server did not start")
        # What it says later is read, so that it never waits for us.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.place, ignore_errors=True)

    def peak_mib(self):
        """The most memory that the process ever had."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) // 1024
        return 0


class Caller:
    """One connection with one token."""

    def __init__(self, server, subject, **claims):
        self.server, self.connection = server, None
        self.token = mint(sub=subject, **claims)

    def ask(self, method, path, body=None):
        """Status and raw body; a body may be given as it is sent."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=90)
        sent = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        try:
            self.connection.request(method, path, sent, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            self.connection = None
            raise

    def command(self, room, body):
        return self.ask("POST", f"/api/v1/rooms/{room}/commands", body)

    def must(self, status, method, path, body=None):
        got, answer = self.ask(method, path, body)
        if got != status:
            raise SystemExit(f"{method} {path}: {got} and not {status}: {answer[:400]!r}")
        return answer


def mint(**claims):
    """An HS256 token of the development key."""
    now = int(time.time())
    claims = {"iss": KEY, "nbf": now - 5, "exp": now + 3600, **claims}
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    signed = b".".join(encoded(json.dumps(part).encode()) for part in parts)
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + encoded(mac)).decode()


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def admin(server, room, subject):
    """Everything in one room."""
    return Caller(server, subject, video={"roomAdmin": True, "room": room})


def bystander(server):
    """A caller whose room nobody attacks."""
    caller = admin(server, "bystander", "bystander")
    caller.must(201, "POST", "/api/v1/rooms/bystander/joins", {"identity": "somebody"})
    return caller


def timed(caller, until):
    """How long each of the caller's commands took until `until()` says so."""
    took = []
    while not until() or len(took) < 20:
        start = time.monotonic()
        status, answer = caller.command("bystander", {"command": "update_room", "metadata": str(start)})
        took.append(time.monotonic() - start)
        if status != 200:
            raise SystemExit(f"the bystander's command: {status}: {answer[:400]!r}")
        time.sleep(0.005)
    return took


def p99(took):
    return sorted(took)[max(0, int(len(took) * 0.99) - 1)]


def beside(name, server, attacks, small, quiet_s=3):
    """Times the bystander alone, then while all `attacks` run. Returns whether the one comes to at
    most RATIO_MAX times the other; --small only prints it.
    """
    caller = bystander(server)
    end = time.monotonic() + quiet_s
    alone = p99(timed(caller, lambda: time.monotonic() > end))
    # In a process of their own: what an attacker does with its answers must not keep the bystander.
    crowd = multiprocessing.get_context("fork").Process(target=crowded, args=(name, attacks))
    crowd.start()
    took = timed(caller, lambda: not crowd.is_alive())
    crowd.join()
    under = p99(took)
    is_fair = under <= RATIO_MAX * max(alone, FLOOR_S)
    print(
        f"{name}: bystander's p99 {alone * 1000:.1f} ms alone, {under * 1000:.1f} ms beside, "
        f"longest {max(took) * 1000:.1f} ms, {len(took)} commands, peak {server.peak_mib()} MiB"
        + ("" if is_fair else " (more than five times as long)"),
        flush=True,
    )
    return crowd.exitcode == 0 and (small or is_fair)


def crowded(name, attacks):
    """Runs all attacks, each on a thread; ends with 1 if one of them fails."""
    failed = []

    def guarded(attack):
        try:
            attack()
        except (SystemExit, OSError, http.client.HTTPException) as problem:
            failed.append(str(problem))

    threads = [threading.Thread(target=guarded, args=(attack,)) for attack in attacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for problem in failed:
        print(f"{name}: FAILED: {problem}", flush=True)
    raise SystemExit(1 if failed else 0)
