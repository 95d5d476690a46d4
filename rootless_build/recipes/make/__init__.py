"""GNU make asked what it would do, and its answer as a plan. Start with `recipe`, then `run`."""
