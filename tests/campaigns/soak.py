"""People come and go in 10,000 rooms for an hour: resident memory, open files, threads.

The driver samples itself. Once caches are full, after a quarter, the figures must be flat: the mean
of the last quarter at most a tenth above the highest of the second; threads and files, one of which
comes and goes with the segment that is prepared ahead, at most two above it (four threads in the
few samples of a small run).
Outcomes for repeats, of which a server keeps up to a million, are bounded, so that they fill soon.
SECONDS_MAX in the environment shortens it. --small ends before the caches are full: threads and files
alone are judged.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import KEPT, Campaign, parse

# Rooms are a multiple of the callers, 16: no two ever visit one, and refuse each other.
WHOLE = {"seconds": 3600, "rooms": 10_000, "commands_per_second": 1_000, "outcomes": 50_000}
SMALL = {"seconds": 20, "rooms": 96, "commands_per_second": 1_000, "outcomes": 50_000}


def main():
    args = parse(__doc__)
    campaign = Campaign("soak", args.driver, args.seed)
    options = {**(SMALL if args.small else WHOLE), "callers": 16}
    options["seconds"] = int(os.environ.get("SECONDS_MAX", options["seconds"]))
    # An hour of journal and copy is too much for memory.
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT.parent) as folder:
        soak(campaign, options, Path(folder) / "data", campaign.place / "acks")


def soak(campaign, options, data, acks):
    words = campaign.args("soak", data, acks, **options)
    process = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    campaign.count("runs")
    lines = process.stdout.decode().splitlines()
    samples = [json.loads(line) for line in lines if line.startswith("{")]
    if process.returncode != 0 or len(samples) < 20:
        campaign.fail("soak", f"exit {process.returncode}: {lines[-10:]}")
        sys.exit(campaign.end())
    running = samples[:-1]
    for number in sorted({0, len(running) // 4, len(running) // 2, len(running) - 1}):
        print(f"  {running[number]}", flush=True)
    judged = [("files", 1, 2), ("threads", 1, 4)]
    if options["seconds"] > SMALL["seconds"]:
        judged = [("files", 1, 2), ("threads", 1, 2), ("resident_kib", 1.1, 0)]
    for what, share, spare in judged:
        quarter = len(running) // 4
        early = [sample[what] for sample in running[quarter : 2 * quarter]]
        late = [sample[what] for sample in running[-quarter:]]
        if sum(late) / len(late) > share * max(early) + spare:
            campaign.fail("soak", f"{what} grows: {early} then {late}")
    campaign.count("commands", running[-1]["commands"])
    campaign.count("seconds", running[-1]["seconds"])
    sys.exit(campaign.end())


if __name__ == "__main__":
    main()
