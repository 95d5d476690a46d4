"""The commands behind the names, one file each: parses its words, calls the core, prints."""
