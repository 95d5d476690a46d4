"""Docker's command line: its grammar as a table, its words as a step."""
