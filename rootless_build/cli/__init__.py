"""The command line: parse, call, print; nothing else.

Nothing is imported here before it is needed: `rbuild --version` loads plumbum.cli and this
package only.
"""
