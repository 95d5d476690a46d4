"""Bundles, the results of a build: staged beside the project's directory, verified, published,
listed and installed. Engine-neutral; nothing here runs a program.
"""
