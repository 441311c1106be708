"""Runs in the guest: what a database holds of its latest run, as JSON, read beside the run that writes it."""

import json
import sqlite3
import sys
from contextlib import closing

TICKS = "SELECT elapsed FROM ticks WHERE run = ? ORDER BY elapsed"
EVENTS = "SELECT t, kind, detail FROM events WHERE run = ? ORDER BY t"
TURNS = "SELECT probe, status, detail FROM turns WHERE run = ? ORDER BY started"

with closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as db:
    states = dict(db.execute("SELECT id, state FROM runs ORDER BY id"))
    latest = (max(states),)
    held = {
        "ticks": [t for (t,) in db.execute(TICKS, latest)],
        "events": list(db.execute(EVENTS, latest)),
        "turns": list(db.execute(TURNS, latest)),
        "runs": list(states.values()),
        "sound": db.execute("PRAGMA quick_check").fetchone()[0],
    }
json.dump(held, sys.stdout)
