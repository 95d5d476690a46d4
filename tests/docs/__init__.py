"""What of the documents is made from the code: `python -m tests.docs` writes it anew.

A page in docs/ has text that somebody wrote, and between two comments what is made
(`tests.docs.made`). The manual pages in docs/man are made whole. A unit test fails where they
differ from the code. `python -m tests.docs site DIR` builds the web site of it all with mkdocs.
"""
