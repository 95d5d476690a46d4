"""An engine is asked what it does: a build of a few lines, and what came out of it.

Start with `answers.py`. `questions.py` has what is asked, `memory.py` what was answered before,
`identity.py` of which engine.
"""
