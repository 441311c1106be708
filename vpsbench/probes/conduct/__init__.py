"""How every probe conducts itself: its clock, its rests, its share of memory, apart from others."""
