"""Two kilobytes that ask for a gigabyte: a batch that reads a large room again and again."""

import json

from served import admin, beside

BATCH_BYTES_MAX = 32 * 1024 * 1024


def attack(server, small):
    people, batches = (4, 2) if small else (16, 10)
    caller = admin(server, "meta", "attacker")
    for at in range(people):
        body = {"identity": f"p{at}", "metadata": "m" * (512 * 1024)}
        caller.must(201, "POST", "/api/v1/rooms/meta/joins", body)

    def batch():
        for _ in range(batches):
            items = [{"method": "GET", "path": "/rooms/meta"}] * 60
            answer = caller.must(200, "POST", "/api/v1/batch", {"items": items})
            statuses = {item["status"] for item in json.loads(answer)["items"]}
            if len(answer) > BATCH_BYTES_MAX or statuses != {200, 413}:
                raise SystemExit(f"{len(answer)} bytes, statuses {sorted(statuses)}")

    return beside("batch_of_reads", server, [batch], small)
