"""What is kept of runs: what they said, what they did, how they ended.

Start with `record`, which is what is known of a run; `writing` keeps it while it happens, `runs`
finds those that are kept, `reading` has what one said, `differences` what two have not in common.
"""
