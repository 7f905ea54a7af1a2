"""The run folder: what a run leaves on disk, written and read in this one place.

Nothing is imported here, so that programs that only read run folders start without torch.
"""
