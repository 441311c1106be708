-- A run as plain tables, for SQL, Datasette and DuckDB. t is seconds since the run began.
CREATE TABLE run (
    id INTEGER PRIMARY KEY, started REAL, started_utc TEXT, elapsed REAL, state TEXT, hostname TEXT,
    profile TEXT, plan TEXT, price TEXT, vpsbench TEXT, python TEXT, verdict TEXT, because TEXT
);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, metric TEXT, labels TEXT, unit TEXT, kind TEXT, better TEXT, help TEXT
);
-- NULL: the reading failed; nothing is known of that time.
CREATE TABLE samples (
    series INTEGER REFERENCES series (id), t REAL, value REAL, PRIMARY KEY (series, t)
) WITHOUT ROWID;
CREATE TABLE turns (
    id INTEGER PRIMARY KEY, probe TEXT, started REAL, elapsed REAL, status TEXT, detail TEXT, options TEXT
);
CREATE TABLE events (id INTEGER PRIMARY KEY, t REAL, kind TEXT, detail TEXT);
CREATE TABLE findings (
    id INTEGER PRIMARY KEY, sign TEXT, level TEXT, claim TEXT, promised TEXT, measured REAL, low REAL,
    high REAL, unit TEXT, since REAL, until REAL
);
CREATE TABLE promises (id INTEGER PRIMARY KEY, promise TEXT, text TEXT, word TEXT, because TEXT);
CREATE INDEX series_of_metric ON series (metric);

CREATE VIEW readings AS
SELECT t, datetime(run.started + t, 'unixepoch') AS utc, metric, labels, value, unit
FROM samples JOIN series ON series.id = samples.series CROSS JOIN run;

-- Growth of counters a second; NULL across a failed reading, and where a counter ran backwards.
CREATE VIEW rates AS
SELECT t, metric, labels, CASE WHEN value >= before THEN (value - before) / (t - earlier) END AS rate
FROM (
    SELECT t, metric, labels, value, lag(value) OVER steps AS before, lag(t) OVER steps AS earlier
    FROM series JOIN samples ON series.id = samples.series
    WHERE kind = 'counter'
    WINDOW steps AS (PARTITION BY metric, labels ORDER BY t)
)
WHERE before IS NOT NULL;

-- Each series by the hour of the run.
CREATE VIEW hourly AS
SELECT metric, labels, CAST(t / 3600 AS INTEGER) AS hour, count(value) AS readings,
       avg(value) AS mean, min(value) AS least, max(value) AS most
FROM samples JOIN series ON series.id = samples.series
GROUP BY metric, labels, hour;  -- and not by series.id: a metric asked for is then looked up, not sought
