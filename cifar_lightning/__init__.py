"""Controlled comparisons of small convolutional nets on a few CIFAR-100 classes."""

__version__ = "0.1.0"
