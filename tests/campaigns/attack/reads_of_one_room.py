"""One caller reads a long room: searches that find nothing, all its sessions, and the room as it was,
each by 1, 8 and 64 readers at once.
"""

import random

from served import admin, beside


def attack(server, small):
    events, rounds, crowds = (3_000, 1, [8]) if small else (200_000, 3, [1, 8, 64])
    caller = admin(server, "long", "attacker")
    caller.must(201, "POST", "/api/v1/rooms/long/joins", {"identity": "alice", "connection": "c"})
    item = {"method": "POST", "path": "/rooms/long/activity", "body": {"items": [{"kind": "speaking"}]}}
    for start in range(0, events, 128):
        items = [item] * min(128, events - start)
        caller.must(200, "POST", "/api/v1/batch", {"items": items})
    kinds = {
        "searches": lambda: "/api/v1/events?room=long&target=identity:nobody&limit=1000",
        "sessions": lambda: "/api/v1/rooms/long/sessions",
        "the room as it was": lambda: f"/api/v1/rooms/long?at={random.randrange(10, events)}",
    }

    def reading(path):
        def read():
            reader = admin(server, "long", "attacker")
            for _ in range(rounds):
                status, answer = reader.ask("GET", path())
                # Some of so many may be told to come again.
                if status not in (200, 429):
                    raise SystemExit(f"{path()}: {status}: {answer[:400]!r}")

        return read

    is_fair = True
    for name, path in kinds.items():
        for readers in crowds:
            is_fair &= beside(f"{name} by {readers}", server, [reading(path)] * readers, small)
    return is_fair
