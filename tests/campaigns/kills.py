"""Kills a process that has a ledger open: at random moments under load, and at each of its calls.

Killed at calls: three lives (begin, open after a kill, rebuild of the indexed copy) are traced; at
each write, sync, rename, open, creation, removal of every file of the ledger strace delivers SIGKILL
before the call is made (calls.py says what a point is). Then the ledger is opened, and compared with
what was acknowledged.

Killed at random: loads of 1, 16 and 256 callers on a ledger that goes from life to life; a command
without answer is given again under the same request id.
"""

import subprocess
import sys
import time

from calls import LIFE, Lives
from common import MET_LEAST, MET_LEAST_SMALL, Campaign, parse

RANDOM = [(1, 120, 50), (16, 120, 50), (256, 120, 50), (16, 65536, 50)]
RANDOM_SMALL = [(16, 120, 6), (16, 65536, 4)]
CHECKED_EVERY = 5
# An even sample of this many kills in each life, for CI.
SMALL_POINTS = 20


def at_calls(campaign, small):
    lives = Lives(campaign)
    for life in ("begin", "reopen", "rebuild"):
        _, there = lives.points(life)
        points, there = lives.points(life, there // SMALL_POINTS if small else 1)
        campaign.count(f"calls of {life}", there)
        for point in points:
            where = lives.name(life, point)

            def live(life=life, point=point):
                code, said, _ = lives.meet(life, point, "signal=SIGKILL:when=@")
                return code, said, code != 0

            code, said, was_met = campaign.meet(live)
            if not was_met:
                continue
            campaign.count("runs")
            if code is None or code > 0:
                campaign.fail(where, f"exit {code}: {said}", lives.data, lives.acks)
                continue
            campaign.count("killed at a call")
            campaign.check(where, lives.data, lives.acks, lives.data, lives.acks, **LIFE_CHECK)


def at_random(campaign, small):
    for callers, size, kills in RANDOM_SMALL if small else RANDOM:
        data, acks = campaign.place / f"data-{callers}-{size}", campaign.place / "acks-random"
        acks.unlink(missing_ok=True)
        options = {"callers": callers, "bytes": size, "rate_kib": 8 << 10, "segment_kib": 4096}
        for kill in range(1, kills + 1):
            process = subprocess.Popen(
                campaign.args("load", data, acks, **options),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            # Every third while it opens or shortly after.
            longest_s = 0.05 if kill % 3 == 0 else 0.5
            time.sleep(campaign.random.uniform(0, longest_s))
            ended = process.poll()
            process.kill()
            said, _ = process.communicate()
            campaign.count("runs")
            campaign.count("killed at random")
            where = f"random {callers}x{size} kill {kill}"
            if ended is not None:
                campaign.fail(where, f"exit {ended}: {said.decode()}", data, acks)
            elif kill % CHECKED_EVERY == 0 or kill == kills:
                campaign.check(where, data, acks, data, acks, segment_kib=4096)


LIFE_CHECK = {"segment_kib": LIFE["segment_kib"], "reserve_kib": LIFE["reserve_kib"]}


def main():
    args = parse(__doc__)
    campaign = Campaign("kills", args.driver, args.seed)
    at_calls(campaign, args.small)
    at_random(campaign, args.small)
    sys.exit(campaign.end(MET_LEAST_SMALL if args.small else MET_LEAST))


if __name__ == "__main__":
    main()
