"""How far two colours stand apart, as the Web Content Accessibility Guidelines 2.2 define it."""

import numpy as np


def luminance(colour):
    """Relative luminance of `#rrggbb`, 0..1."""
    shares = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    """1..21; words want 4.5, lines 3."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
