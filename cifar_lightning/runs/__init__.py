"""The run folder: the format of its files, written and read in this one place.

Nothing is imported here, so that programs that only read run folders start without torch.
"""
