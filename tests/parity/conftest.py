"""The suites in suites/ are run by test_compare.py, under pytest and under tach."""

collect_ignore = ["suites"]
