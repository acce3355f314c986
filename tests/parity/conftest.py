"""The suites in suites/ are run by test_parity.py, under pytest and under tach."""

collect_ignore = ["suites"]
