#!/usr/bin/env python3
"""Requests that are refused before their body is read, by clients that send all of it first.

Python's http.client, Node's fetch and curl each send bodies of 5 to 11 MB to a server on loopback
that answers 401 or 413 at once. Each has to get the status, every time. `--small` sends a few.
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SECONDS_TO_START_MAX = 60
SECONDS_A_CALL_MAX = 60

NODE = """
const [port, path, bearer, bytes, count] = process.argv.slice(1);
const body = Buffer.alloc(Number(bytes), 32);
const told = [];
for (let i = 0; i < Number(count); i += 1) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST', body,
      headers: { authorization: bearer, 'content-type': 'application/json' },
    });
    told.push(String(answer.status));
    await answer.arrayBuffer();
  } catch (error) {
    told.push(String(error.cause?.code ?? error));
  }
}
console.log(told.join(' '));
"""


def token(grants=None):
    """A token of the development key with these claims, else one that may do all."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    everything = {"sub": "campaign", "video": {"roomCreate": True},
                  "ledger": {"report": True, "admin": True, "audit": True}}
    claims = (grants or everything) | {"iss": "devkey", "exp": int(time.time()) + 3600}
    message = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.new(b"secret", message, hashlib.sha256).digest()
    return (message + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


class Server:
    """A development server of its own, on a free port, with its data in a directory that goes."""

    def __init__(self, binary, *options):
        self.place = tempfile.mkdtemp(prefix="roomledger-attack-")
        command = [binary, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", self.place + "/data"]
        self.process = subprocess.Popen(command + list(options), stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("listening on "):
                self.port = int(line.split(",")[0].rsplit(":", 1)[1])
                break
        else:
            sys.exit("the server did not start")
        until = time.monotonic() + SECONDS_TO_START_MAX
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz"):
                    return
            except OSError:
                time.sleep(0.1)
        sys.exit("the server is not ready")

    def resident_kib(self):
        """What it has in memory now."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def stop(self):
        """Ends it, and gives its exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        shutil.rmtree(self.place, ignore_errors=True)
        return code


def by_python(port, path, bearer, length, count):
    """What Python's own client gets."""
    told = []
    headers = {"Authorization": bearer, "Content-Type": "application/json"}
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_A_CALL_MAX)
        try:
            connection.request("POST", path, b" " * length, headers)
            told.append(str(connection.getresponse().status))
        except OSError as error:
            told.append(type(error).__name__)
        connection.close()
    return told


def by_node(port, path, bearer, length, count):
    """What Node's fetch gets."""
    command = ["node", "--input-type=module", "-e", NODE, str(port), path, bearer, str(length), str(count)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def by_curl(port, path, bearer, length, count):
    """What curl gets that does not wait for leave to send."""
    told = []
    with tempfile.NamedTemporaryFile() as body:
        body.write(b" " * length)
        body.flush()
        for _ in range(count):
            command = ["curl", "-s", "--noproxy", "*", "-m", str(SECONDS_A_CALL_MAX), "-o", os.devnull,
                       "-w", "%{http_code}", "-H", f"Authorization: {bearer}", "-H", "Expect:",
                       "-H", "Content-Type: application/json", "--data-binary", f"@{body.name}",
                       f"http://127.0.0.1:{port}{path}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            told.append(done.stdout if done.returncode == 0 else f"curl {done.returncode}")
    return told


def main():
    """Tries every client with every call, and says how often it got what."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true", help="a few of each instead of a hundred")
    arguments.add_argument("--binary", default=TOP + "/target/debug/roomledger")
    given = arguments.parse_args()
    count = 5 if given.small else 100
    good, bad = f"Bearer {token()}", "Bearer x.y.z"
    calls = [
        ("/api/v1/rooms/town/commands", bad, 5_000_000, "401"),
        ("/api/v1/rooms/town/commands", good, 11_000_000, "413"),
        ("/twirp/livekit.RoomService/CreateRoom", bad, 5_000_000, "401"),
        ("/twirp/livekit.RoomService/CreateRoom", good, 11_000_000, "413"),
        ("/daily/v1/rooms", "Bearer secret", 11_000_000, "413"),
        ("/videosdk/v2/rooms", bad, 2_000_000, "401"),
    ]
    server = Server(given.binary)
    failed = False
    for path, bearer, length, expected in calls:
        for name, ask in (("python", by_python), ("node", by_node), ("curl", by_curl)):
            told = ask(server.port, path, bearer, length, count)
            right = told.count(expected)
            failed = failed or right != count
            others = sorted(set(told) - {expected})
            print(f"{name:6} {length:>9} bytes to {path}: {expected} {right} of {count} {others or ''}")
    code = server.stop()
    if failed or code != 0:
        sys.exit("early answers: not every client got its status")


if __name__ == "__main__":
    main()
