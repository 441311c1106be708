-- What a run's judgement came down to when it ended, for comparing it with others without judging it anew. It
-- follows from the rest, and is no part of the chain; bundles leave it out.
CREATE TABLE summaries (
    run     INTEGER PRIMARY KEY REFERENCES runs,
    program TEXT NOT NULL,  -- SHA-256 of the source that made it: to any other it is void
    mark    TEXT NOT NULL,  -- the run as it was then: state, seconds, id and digest of its last tick; likewise
    text    TEXT NOT NULL   -- JSON
);
