"""Every strategy with every seed: planned here, executed by an engine, left as run folders."""
