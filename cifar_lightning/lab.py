"""Which classes the lab compares its nets on."""

CLASSES = ("apple", "forest", "lawn_mower")
