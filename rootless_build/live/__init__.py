"""Docker for a command that is at work: what it calls docker for is done as steps of one run.

`session` is the way in: it starts the command with the stand-in for docker first on PATH
(`stand_in`) and serves its calls (`server`). `dispatch` says who does a call.
"""
