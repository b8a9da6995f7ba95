"""Targets times people: one message to everybody, named 100,000 times."""

import json

from served import admin, beside


def attack(server, small):
    people, rounds = (10, 2) if small else (50, 10)
    caller = admin(server, "big", "attacker")
    for at in range(people):
        caller.must(201, "POST", "/api/v1/rooms/big/joins", {"identity": f"p{at}"})
    spelled = json.dumps({"command": "send_data", "data": "", "targets": ["*"] * 100_000})

    def send():
        for _ in range(rounds):
            path = "/api/v1/rooms/big/commands"
            answer = caller.must(200, "POST", path, spelled)
            if len(answer) > 64 * 1024:
                raise SystemExit(f"{len(answer)} bytes of answer")

    return beside("data_to_everybody", server, [send], small)
