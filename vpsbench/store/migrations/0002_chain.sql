-- The chain: each tick carries the digest of itself and of all before it. docs/evidence.md says how it is computed.
-- Columns that a later format adds must be NULL in rows of older runs: NULL is left out of a row's digest.

-- A tick of a run that was recorded before format 2 has no digest.
ALTER TABLE ticks ADD COLUMN digest BLOB;
-- What was committed together with the tick: a line "series DIGEST", "turn DIGEST" or "event DIGEST" for each row.
ALTER TABLE ticks ADD COLUMN others TEXT;

-- Where a run begins, goes on after an interruption, and ends: links of the chain that are signed.
CREATE TABLE seals (
    run       INTEGER NOT NULL REFERENCES runs,
    n         INTEGER NOT NULL,  -- counts from 1 in each run
    kind      TEXT NOT NULL,     -- "start", "resume" or "end"
    text      TEXT NOT NULL,     -- JSON; its SHA-256 is the link
    signature BLOB,              -- Ed25519 over the text, by the key that it names; NULL: there was no key
    token     BLOB,              -- RFC 3161 time-stamp response over the text; NULL: none was asked for, or got
    PRIMARY KEY (run, n)
) WITHOUT ROWID;

-- Texts that name the machine or its user. Both their forms go into the chain as digests, so that it holds with either.
CREATE TABLE private (
    run      INTEGER NOT NULL REFERENCES runs,
    place    TEXT NOT NULL,  -- "run.guest"; "turn.3.raw": of the run's third turn
    salt     BLOB,           -- NULL in a redacted copy
    original BLOB NOT NULL,  -- SHA-256 over the salt and the text
    cleaned  BLOB NOT NULL,  -- SHA-256 over the text without the names
    PRIMARY KEY (run, place)
) WITHOUT ROWID;

-- The names that a redacted copy leaves out, as they were when the run began; empty in such a copy.
CREATE TABLE names (
    run  INTEGER NOT NULL REFERENCES runs,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,  -- "host name", "user name", "serial number"
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
