"""The OpenAPI document against a running server: schemathesis makes requests of it, good and bad,
and judges every answer by it. Bounded and from a fixed seed, so that every run asks the same.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import jwt
from prometheus_client.parser import text_string_to_metric_families

URL = os.environ["ROOMLEDGER_CONTRACT_URL"]
KEY = "devkey"
SECRET = "secret"
HERE = Path(__file__).parent
ALL = {"report": True, "admin": True, "audit": True}
SEED = "20261122"
# What must hold of every answer, also of one that a token does not allow.
ANSWERS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def mint(ledger):
    """A token of the dev key with our own claim."""
    now = int(time.time())
    claims = {"iss": KEY, "nbf": now, "exp": now + 3600, "ledger": ledger}
    return jwt.encode(claims, SECRET, "HS256")


def get(path):
    with urllib.request.urlopen(f"{URL}{path}", timeout=60) as answer:
        return answer.read().decode()


def report(path, body):
    request = urllib.request.Request(
        f"{URL}/api/v1{path}",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {mint(ALL)}"},
    )
    with urllib.request.urlopen(request, timeout=60):
        pass


class Contract(unittest.TestCase):
    def check(self, *, token, examples, checks, config=()):
        """Runs the tool over all calls; its own report tells which request went wrong."""
        headers = ["--header", f"Authorization: Bearer {token}"] if token else []
        # It remembers earlier failures where it runs; nothing of one run may reach the next.
        with tempfile.TemporaryDirectory() as scratch:
            ran = subprocess.run(
                [
                    Path(sys.executable).with_name("schemathesis"),
                    *config,
                    "run",
                    f"{URL}/api/v1/openapi.json",
                    *headers,
                    f"--seed={SEED}",
                    f"--max-examples={examples}",
                    f"--checks={','.join(checks)}",
                    # A stream has no end; tests of ours read it.
                    "--exclude-operation-id=stream",
                    "--phases=examples,coverage,fuzzing",
                    "--generation-database=none",
                    "--suppress-health-check=all",
                    "--continue-on-failure",
                    "--request-timeout=30",
                ],
                capture_output=True,
                text=True,
                timeout=1200,
                check=False,
                cwd=scratch,
            )
        self.assertEqual(ran.returncode, 0, f"{ran.stdout}\n{ran.stderr}")
        self.assertRegex(ran.stdout, r"[0-9]{3,} generated")

    def test_with_every_right(self):
        checks = (*ANSWERS, "negative_data_rejection", "unsupported_method")
        self.check(token=mint(ALL), examples=10, checks=checks)

    def test_of_one_room_with_somebody_inside(self):
        report("/rooms/town/joins", {"identity": "alice", "connection": "c1"})
        track = {"type": "audio", "source": "microphone", "sid": "t1"}
        report("/rooms/town/connections/c1/tracks", track)
        config = ("--config-file", HERE / "town.toml")
        token = mint({**ALL, "room": "town"})
        self.check(token=token, examples=5, checks=ANSWERS, config=config)

    def test_without_a_token(self):
        self.check(token=None, examples=3, checks=ANSWERS)

    def test_figures_are_what_prometheus_reads(self):
        found = {family.name for family in text_string_to_metric_families(get("/metrics"))}
        for name in ("requests", "request_duration_seconds", "commit_duration_seconds"):
            self.assertIn(f"roomledger_{name}", found)


if __name__ == "__main__":
    unittest.main()
