"""The Python side of Tach: collects a suite with pytest once and runs its tests in cloned workers."""
