"""Searches that find nothing and sessions of a long room, many at once, by one caller."""

from served import admin, beside


def attack(server, small):
    events, searches = (3_000, 10) if small else (200_000, 40)
    caller = admin(server, "long", "attacker")
    caller.must(201, "POST", "/api/v1/rooms/long/joins", {"identity": "alice", "connection": "c"})
    item = {"method": "POST", "path": "/rooms/long/activity", "body": {"items": [{"kind": "speaking"}]}}
    for start in range(0, events, 128):
        items = [item] * min(128, events - start)
        caller.must(200, "POST", "/api/v1/batch", {"items": items})
    nobody = "/api/v1/events?room=long&target=identity:nobody&limit=1000"
    sessions = "/api/v1/rooms/long/sessions"

    def reading(path):
        def read():
            reader = admin(server, "long", "attacker")
            for _ in range(1 if small else 3):
                status, answer = reader.ask("GET", path)
                # Some of so many may be told to come again.
                if status not in (200, 429):
                    raise SystemExit(f"{path}: {status}: {answer[:400]!r}")

        return read

    searched = beside("searches_of_one_room", server, [reading(nobody)] * searches, small)
    return beside("sessions_of_one_room", server, [reading(sessions)] * (searches // 2), small) and searched
