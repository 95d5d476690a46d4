"""What this host can do, the engine settings that follow from it, and the doctor.

Imports `backend`, `files`, `process` and `model`. Start with `facts`: `gathering` and `survey` read
them, `engine_settings` gives them to an engine, and `examination` finds what is wrong with them.
"""
