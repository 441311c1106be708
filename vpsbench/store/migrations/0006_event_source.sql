-- The probe or monitor that an event happened to. Empty: it happened to the run itself. NULL: the event was stored
-- before this format; then the detail may begin with the name. NULL is left out of a row's digest (see 0002), so the
-- chains of older runs hold as before.
ALTER TABLE events ADD COLUMN source TEXT;
