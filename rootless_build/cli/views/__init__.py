"""The views of a run: each is a reader of the one stream of events. Start with `text`."""
