"""Runs in the guest: what a database holds of its latest run, as JSON, read beside the run that writes it."""

import json
import sqlite3
import sys
from contextlib import closing

OF = "WHERE run = (SELECT max(id) FROM runs) ORDER BY"
TICKS = "SELECT elapsed FROM ticks " + OF + " elapsed"
EVENTS = "SELECT t, kind, detail FROM events " + OF + " t"
TURNS = "SELECT probe, status, detail FROM turns " + OF + " started"

with closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as db:
    held = {
        "ticks": [t for (t,) in db.execute(TICKS)],
        "events": list(db.execute(EVENTS)),
        "turns": list(db.execute(TURNS)),
        "runs": [state for (state,) in db.execute("SELECT state FROM runs ORDER BY id")],
        "sound": db.execute("PRAGMA quick_check").fetchone()[0],
    }
json.dump(held, sys.stdout)
