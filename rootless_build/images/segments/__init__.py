"""The build of an image in segments: the engine does FROM and RUN, rbuild does all the rest.

What COPY, ADD and WORKDIR make is a layer of rbuild's (`images.layers`), the configuration is
rbuild's too (`images.configuration`). It imports what `images` may. Start with `build.py`.
"""
