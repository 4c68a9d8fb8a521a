"""From an archive to a checked, split and memory-mapped data set."""
