"""Many builds of one project: `rbuild matrix`.

    axes ─▶ cells ─▶ executor ─▶ results ─▶ bundles/CELL

Each cell is one run of rbuild as a user would start it, in a worktree of its own of one commit;
what it made is verified before it is published. Start with `cells`, then `runs`, which has them
done; `work` is what a worker does, `executors` where workers come from.
"""
