"""Several runs side by side: each comes down to a few figures, and what sets them apart is told from noise.

``summary`` brings a judged run down to a ``Summary``; ``contest`` puts summaries beside each other.
"""
