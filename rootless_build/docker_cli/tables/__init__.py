"""What docker's listing commands print: `listing` fills a format in, a module for each command has
its columns.
"""
