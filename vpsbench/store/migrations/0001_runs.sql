-- Runs, and what was measured in them. All times are seconds since the run began, unless said otherwise.
-- Nothing here needs more than SQLite 3.34, which RHEL 9 and its kin still have (STRICT came with 3.37).

CREATE TABLE runs (
    id      INTEGER PRIMARY KEY,
    state   TEXT NOT NULL,   -- "running" with nobody writing: the run was killed
    started REAL NOT NULL,   -- Unix time, s
    elapsed REAL,            -- s; NULL until the run ends: then the last tick tells how far it came
    seed    INTEGER NOT NULL,
    profile TEXT NOT NULL,   -- JSON, all quantities as plain numbers of the base unit
    plan    TEXT,            -- JSON; NULL: nothing was promised
    guest   TEXT NOT NULL    -- JSON
);

CREATE TABLE series (
    run    INTEGER NOT NULL REFERENCES runs,
    id     INTEGER NOT NULL,  -- counts from 1 in each run
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,     -- JSON object, keys sorted
    unit   TEXT NOT NULL,
    kind   TEXT NOT NULL,     -- "gauge" or "counter"
    better TEXT NOT NULL,
    help   TEXT NOT NULL,
    PRIMARY KEY (run, id),
    UNIQUE (run, metric, labels)
) WITHOUT ROWID;

-- One row a tick, with all that was read since the last one. A row a sample would take about 25 B and,
-- ordered by series, would touch a page of the file for each series in every tick; this takes about 5 B.
--
-- samples: zlib over three columns of equal length, little-endian, one after the other:
--     times   float64
--     values  float64; NaN marks a reading that failed, and nothing else
--     series  int32, each as the difference to the one before (the first: to 0)
CREATE TABLE ticks (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES runs,
    elapsed REAL NOT NULL,
    samples BLOB NOT NULL
);

CREATE INDEX ticks_of_run ON ticks (run, elapsed);

CREATE TABLE turns (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES runs,
    probe   TEXT NOT NULL,
    started REAL NOT NULL,
    elapsed REAL NOT NULL,   -- s
    status  TEXT NOT NULL,
    detail  TEXT NOT NULL,
    options TEXT NOT NULL,   -- JSON
    raw     BLOB NOT NULL    -- zlib over a JSON object: name of the output -> its whole text
);

CREATE INDEX turns_of_run ON turns (run);

CREATE TABLE events (
    id     INTEGER PRIMARY KEY,
    run    INTEGER NOT NULL REFERENCES runs,
    t      REAL NOT NULL,
    kind   TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE INDEX events_of_run ON events (run);
