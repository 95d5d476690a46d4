"""`docker buildx bake`: HCL, JSON and compose files become the steps of a plan.

    files ─▶ hcl, json_file ─▶ syntax ─▶ document (variables, matrix, …) ─▶ targets
          └▶ compose ─────────────────────────────────────────────────────▶ targets
    targets, overrides ─▶ definition ─▶ steps

Nothing here is imported before a bake file is to be read.
"""
