"""The contract suite for backends, and the fixtures with which real engines are tested.

A pytest plug-in, for whoever names it; may import every room, and no room imports it. Start with
`engines`; a backend in a distribution of its own is held against the suite by
`pytest -p rootless_build.testing --pyargs rootless_build.testing.contract --backend NAME`.
"""

pytest_plugins = ("rootless_build.testing.engines", "rootless_build.testing.steps")
