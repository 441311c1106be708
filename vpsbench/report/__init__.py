"""From a judgement to something to read: a page, rendered as HTML, text or JSON."""
