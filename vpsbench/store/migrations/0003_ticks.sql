-- ticks.samples: from this format on, most ticks are packed with zlib's preset dictionary (RFC 1950, FDICT): the
-- unpacked bytes of the run's tick before it. Ticks that hold what a probe found, one in 32 of the others, and all
-- of older formats need none.

-- Ticks are read in the order of their ids, which is that of their time.
DROP INDEX ticks_of_run;
CREATE INDEX ticks_of_run ON ticks (run);
