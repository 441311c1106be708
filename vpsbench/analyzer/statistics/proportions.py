"""Score intervals of proportions, and of the difference between two."""

from __future__ import annotations

from math import sqrt


def share_difference(k1: float, n1: float, k2: float, n2: float, z: float) -> tuple[float, float]:
    """Newcombe's score interval of k1/n1 - k2/n2 (Statistics in Medicine 17, 1998, method 10).

    Args:
        k1: hits among ``n1`` tries; fractions are fine.
        n1: above 0.
        k2: likewise for the control.
        n2: above 0.
        z: normal quantile, such as 1.96 for 95 % two-sided.
    """
    (l1, u1), (l2, u2) = wilson(k1, n1, z), wilson(k2, n2, z)
    p1, p2 = k1 / n1, k2 / n2
    below, above = sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    return p1 - p2 - below, p1 - p2 + above


def wilson(k: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of k/n (Journal of the American Statistical Association 22, 1927)."""
    p, scale = k / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / scale
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
