"""Docker's build checks: what of a containerfile is no error, and should be otherwise.

Start with `checking.py`. Names, words and order are those of docker 29.1.3 (`docker build
--check`), which tests/data/reference/checks.json has recorded.
"""
