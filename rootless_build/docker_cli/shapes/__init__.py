"""What podman's service says, in docker's shape: `json` reads it, a module for each kind of object
has what `docker inspect` prints of it and what a listing needs of it.
"""
