"""The command line. It imports everyone, and nobody imports it."""
